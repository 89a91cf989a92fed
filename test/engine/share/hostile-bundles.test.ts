import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { canonicalBytes, compareUtf8 } from '../../../cache/canonical.ts'
import { loadSigner, newKey } from '../../../cache/signing.ts'
import { StoreError } from '../../../cache/store-error.ts'
import { importBundle } from '../../../engine/share/import-bundle.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { assemble, blobsOf, fileEntry, header, type LooseManifest, sha, snapshot } from './bundle-rig.ts'

const PIPELINE = 'version: 1\nstages: {}\n'
const sound = blobsOf([PIPELINE, 'x'])

/** A bundle that is sound but for what these entries and members say. */
function bundle(files: readonly object[], more: LooseManifest = {}): Buffer {
  const all = [...files, fileEntry('pipeline.yaml', PIPELINE)]
  return assemble({ pipeline: 'pipeline.yaml', files: all, blobs: sound.list, ...more }, sound.bytes)
}

/** With one more file of that path. */
const named = (path: string): Buffer => bundle([fileEntry(path, 'x')])
/** With one more file about which something else is said. */
const odd = (more: object): Buffer => bundle([fileEntry('a', 'x', more)])

/** With lines of results or rows. */
function lines(member: 'results' | 'rows', text: string, count = 1): Buffer {
  const blobs = blobsOf([PIPELINE, 'x', text])
  const list = { sha256: sha(text), size: Buffer.byteLength(text), count }
  const files = [fileEntry('pipeline.yaml', PIPELINE)]
  return assemble({ pipeline: 'pipeline.yaml', files, [member]: list, blobs: blobs.list }, blobs.bytes)
}

const preimage = { stage: 'mix' }
const resultKey = `sha256:${sha(canonicalBytes('action', preimage))}`
const oneFile = { path: 'f', size: 1, executable: false, blob: `sha256:${sha('x')}` }
const artifact = (files: readonly (typeof oneFile)[]): string =>
  `sha256:${sha(
    canonicalBytes(
      'artifact',
      files.map(({ path, executable, size, blob }) => [path, executable, size, blob]),
    ),
  )}`

/** A result of which something is said that is not so. */
function result(more: object, file: object = {}, output: object = {}): Buffer {
  const files = [{ ...oneFile, ...file }]
  const outputs = { o: { kind: 'file', digest: artifact(files), files, ...output } }
  const summary = { counts: {} }
  return lines('results', `${JSON.stringify({ node: 'n', key: resultKey, preimage, outputs, summary, ...more })}\n`)
}

const text = (value: string): Buffer => assemble(Buffer.from(value), Buffer.alloc(0))
const signed = (signature: string): Buffer => {
  const manifest = { pipeline: 'pipeline.yaml', files: [fileEntry('pipeline.yaml', PIPELINE)], blobs: sound.list }
  return assemble(manifest, sound.bytes, Buffer.from(signature))
}
const KEY = `ed25519:${Buffer.alloc(32, 7).toString('base64url')}`
const WRONG = Buffer.alloc(64, 1).toString('base64url')
const DIGEST = `sha256:${'0'.repeat(64)}`
const huge = 2 ** 40

function tar(): Buffer {
  const block = Buffer.alloc(1024)
  block.write('../../evil')
  block.write('ustar', 257)
  return block
}

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

/** Each with words of its refusal. Bombs are made of nesting, of repetition, of declared sizes and of holes. */
const HOSTILE: { readonly [what: string]: readonly [bytes: Buffer | ((path: string) => void), says: string] } = {
  'an empty file': [Buffer.alloc(0), 'empty file'],
  'a text': [Buffer.from('hello'), 'does not begin with'],
  'a gzip bomb in a gzip bomb': [gzipSync(gzipSync(Buffer.alloc(1 << 24))), 'gzip'],
  'a zstd file': [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), 'zstd'],
  'a zip file': [Buffer.from('PK\u0003\u0004evil'), 'zip archive'],
  'a tar file that leads out': [tar(), 'tar archive'],
  'a folder': [(path) => mkdirSync(path), 'regular file'],
  'a pipe that nobody writes to': [(path) => execFileSync('mkfifo', [path]), 'regular file'],
  'a later version': [header(1, 0, DIGEST, '2'), 'later queryloom'],
  'a header without an end': [header(1, 0, DIGEST).subarray(0, 60), 'header is damaged'],
  'a negative length': [header('-00000000001', 0, DIGEST), 'no numbers'],
  'a header that overflows': [header('999999999999', 0, DIGEST), 'manifest is longer'],
  'a signature as long as a book': [header(1, 9999, DIGEST), 'signature is too long'],
  'a manifest that is not there': [header(1000, 0, DIGEST), 'ends within its manifest'],
  'a manifest of another digest': [Buffer.concat([header(2, 0, DIGEST), Buffer.from('{}')]), 'its header names'],
  'a manifest that is not UTF-8': [assemble(Buffer.from([0x22, 0xff, 0xfe, 0x22]), Buffer.alloc(0)), 'UTF-8'],
  'a manifest nested ten million deep': [text('['.repeat(1e7)), 'nests too deeply'],
  'a manifest that is a list': [text('[]\n'), 'no map'],
  'a manifest without a pipeline': [text('{}\n'), 'names no pipeline'],
  'a manifest without lists': [text('{"pipeline":"p"}\n'), 'no lists'],
  'a hundred thousand files and one': [bundle(Array.from({ length: 100_001 }, () => 0 as never)), 'more than 100000'],
  'files that are no maps': [bundle([[] as object]), 'no path'],
  'a byte order that has two readings': [
    text(
      `{"pipeline":"p.yaml","pipeline":"p.yaml","files":[${JSON.stringify(fileEntry('p.yaml', 'x'))}],"blobs":${JSON.stringify(blobsOf(['x']).list)}}\n`,
    ),
    'one form',
  ],
  'a member that nobody knows': [bundle([], { run: 'rm -rf' }), 'one form'],
  'an end that is missing': [bundle([]).subarray(0, -1), 'cut short'],
  'something behind the end': [Buffer.concat([bundle([]), Buffer.from('PK')]), 'behind its end'],
  'another byte in a blob': [flipped(bundle([])), 'not those of its digest'],
  'an empty path': [named(''), 'empty path'],
  'a path of 10,000 characters': [named('a'.repeat(10_000)), 'path of more than'],
  'a path with half a character': [
    assemble(Buffer.from(JSON.stringify({ pipeline: 'p', files: [{ path: '\ud800' }], blobs: [] })), Buffer.alloc(0)),
    'valid Unicode',
  ],
  'a path with NUL': [named('a\0b'), 'NUL'],
  'a path that moves the cursor': [named('a\u001b[2J'), 'control characters'],
  'a path that turns text around': [named('a\u202etxt.sh'), 'invisible'],
  'an absolute path': [named('/etc/cron.d/evil'), 'absolute'],
  'a path of Windows': [named('..\\..\\evil'), 'backslash'],
  'a drive letter': [named('C:/evil'), 'drive letter'],
  'a path with ..': [named('a/../../evil'), '(..)'],
  'a path with an empty part': [named('a//b'), 'plain form'],
  'a path of many folders': [named('a/'.repeat(40).concat('b')), 'folders deep'],
  'a name of 300 bytes': [named('n'.repeat(300)), 'name of more than'],
  'a name that Windows cuts': [named('a. '), 'dot or a space'],
  'a store that is shipped along': [named('.QueryLoom/actions.log'), 'reserved name'],
  'hooks of git': [named('sub/.git/hooks/pre-commit'), 'reserved name'],
  'a mark of its own': [named('.queryloom-imported'), 'reserved name'],
  'the name of a device': [named('sub/nul.txt'), 'name of a device'],
  'a name twice': [bundle([fileEntry('a', 'x'), fileEntry('a', PIPELINE)]), 'stands there twice'],
  'a link, then a file through it': [
    bundle([fileEntry('a', 'x', { type: 'symlink', target: '/tmp' }), fileEntry('a/b', 'x')]),
    'file and a folder at once',
  ],
  'names that differ in case': [bundle([fileEntry('A', 'x'), fileEntry('a', 'x')]), 'case does not count'],
  'folders that differ in case': [bundle([fileEntry('B/x', 'x'), fileEntry('b/y', 'x')]), 'case does not count'],
  'names that differ in form': [bundle([fileEntry('e\u0301', 'x'), fileEntry('\u00e9', 'x')]), 'form of Unicode'],
  'names out of order': [bundle([fileEntry('z', 'x')]), 'not sorted by their paths'],
  'a pipeline that is not there': [bundle([], { pipeline: '/etc/passwd' }), 'not among its files'],
  'a symbolic link': [odd({ type: 'symlink', target: '/etc/passwd' }), 'a symbolic link'],
  'a hard link': [odd({ type: 'hardlink', target: '../x' }), 'a hard link'],
  'a device': [odd({ type: 'device', major: 8 }), 'a device'],
  'a named pipe': [odd({ type: 'fifo' }), 'a named pipe'],
  'a socket': [odd({ type: 'socket' }), 'a socket'],
  'a sparse file': [odd({ type: 'sparse', size: huge }), 'a sparse file'],
  'an empty folder': [odd({ type: 'folder' }), 'a folder of its own'],
  'a type that nobody knows': [odd({ type: 'door' }), 'unknown type'],
  'a set-user-id bit': [odd({ mode: '4755' }), 'set-id bits'],
  'rights for all to write': [odd({ mode: '666' }), 'rights other than'],
  'a negative size': [odd({ size: -1 }), 'negative size'],
  'a size beyond all numbers': [odd({ size: 1.5 }), 'no whole number'],
  'a digest of another kind': [odd({ sha256: 'd41d8cd98f00b204e9800998ecf8427e' }), 'has no sha256'],
  'a blob that is not there': [odd({ sha256: '0'.repeat(64) }), 'which is not in it'],
  'a size that is a lie': [odd({ size: 2 }), 'two sizes'],
  'a blob listed twice': [bundle([], { blobs: [...sound.list, ...sound.list.slice(1)] }), 'listed twice'],
  'blobs out of order': [bundle([], { blobs: sound.list.toReversed() }), 'not sorted by their digests'],
  'a file of holes of 1 TiB': [
    (path) => {
      const blobs = [...sound.list, { sha256: 'f'.repeat(64), size: huge }]
      const bytes = bundle([], { blobs })
      writeFileSync(path, bytes)
      truncateSync(path, bytes.length + huge)
    },
    'more than the',
  ],
  'one blob as ten thousand files': [
    (() => {
      const big = 'y'.repeat(100_000)
      const blobs = blobsOf([PIPELINE, big])
      const files = Array.from({ length: 10_000 }, (_, i) => fileEntry(`f${String(i).padStart(5, '0')}`, big))
      const all = [...files, fileEntry('pipeline.yaml', PIPELINE)]
      return assemble({ pipeline: 'pipeline.yaml', files: all, blobs: blobs.list }, blobs.bytes)
    })(),
    'times its own size',
  ],
  'a signature that is none': [signed('sure'), 'not readable'],
  'a signature with more in it': [
    signed(JSON.stringify({ key: KEY, signature: WRONG, by: 'me' })),
    'its signature is not written',
  ],
  'a signature of something else': [signed(`${JSON.stringify({ key: KEY, signature: WRONG })}\n`), 'somebody changed'],
  'results that are no JSON': [lines('results', 'x\n'), 'result in it is not JSON'],
  'a result without a form': [lines('results', '{}\n'), 'not the form of one'],
  'a result under the key of another': [result({ key: DIGEST }), 'key of a result'],
  'a result whose preimage has no key': [
    lines('results', `{"node":"n","key":"${DIGEST}","preimage":{"a":1e999},"outputs":{},"summary":{"counts":{}}}\n`),
    'key of a result',
  ],
  'a result that says nonsense of itself': [result({ summary: { counts: 'many' } }), 'says of itself'],
  'an output without a form': [result({}, {}, { digest: 'x' }), 'an output of a result'],
  'a file of a result without a form': [result({}, { executable: 1 }), 'a file of a result in it has not'],
  'a result that leads out': [result({}, { path: '../../evil' }), 'a file of a result in it leads out'],
  'a result without its blob': [result({}, { blob: DIGEST }), 'a result in it needs the blob'],
  'an output of another digest': [result({}, {}, { digest: DIGEST }), 'digest of an output'],
  'fewer results than it says': [lines('results', '', 3), 'number of results'],
  'results without a count': [lines('results', '', -1), 'results have no count'],
  'an answer without a form': [lines('rows', '{"key":"x","value":1}\n'), 'an answer in it has not'],
  'fewer answers than it says': [lines('rows', '', 3), 'number of answers'],
  'an answer without an end': [lines('rows', 'x'.repeat(70 << 20)), 'an answer in it is too long'],
}

/** Kinds of refusal that several of the above share, because they are one thing. */
const SAME = [
  'a pipe that nobody writes to',
  'a member that nobody knows',
  'hooks of git',
  'a mark of its own',
  'folders that differ in case',
  'a result whose preimage has no key',
]

async function refusal(what: string): Promise<{ message: string; before: object; after: object }> {
  const [make] = HOSTILE[what] as (typeof HOSTILE)[string]
  const root = temporaryFolder()
  vi.stubEnv('XDG_CONFIG_HOME', join(root, 'config'))
  mkdirSync(join(root, 'work'))
  writeFileSync(join(root, 'work/neighbour'), 'untouched')
  const path = join(root, 'x.qlb')
  if (typeof make === 'function') make(path)
  else writeFileSync(path, make)
  const before = snapshot(root)
  const error = await importBundle(path, join(root, 'work/got'), { limits: { bytes: 2 ** 34 }, unsigned: true }).then(
    () => new Error('it was taken'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(StoreError)
  return { message: (error as Error).message, before, after: snapshot(root) }
}

test.each(Object.keys(HOSTILE))('%s is refused for what it is, and nothing is written', async (what) => {
  const { message, before, after } = await refusal(what)
  expect(message).toContain(HOSTILE[what]?.[1])
  expect(after).toEqual(before)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may reach a terminal
  expect(message).not.toMatch(/[\u0000-\u001f\u202e]/)
  expect(message.length).toBeLessThan(400)
})

test('each kind of refusal has words of its own, and all of them together take bounded memory', async () => {
  const kinds = Object.keys(HOSTILE).filter((what) => !SAME.includes(what))
  expect(kinds.length).toBeGreaterThan(80)
  const said = new Map<string, string>()
  for (const what of kinds) {
    const { message } = await refusal(what)
    // Without the names and numbers that any message has.
    const words = message.replace(/"[^"]*"/g, '').replace(/[0-9a-f]{12}…|\d+/g, '')
    expect([what, said.get(words)]).toEqual([what, undefined])
    said.set(words, what)
  }
  expect(process.resourceUsage().maxRSS).toBeLessThan(1 << 20)
})

test('a bundle is refused for who signed it unless that is accepted', async () => {
  const root = temporaryFolder()
  vi.stubEnv('XDG_CONFIG_HOME', join(root, 'config'))
  await newKey('stranger', join(root, 'elsewhere'))
  const signer = loadSigner('stranger', join(root, 'elsewhere'))
  const manifest = { pipeline: 'pipeline.yaml', files: [fileEntry('pipeline.yaml', PIPELINE)], blobs: sound.list }
  const bytes = Buffer.from(`${JSON.stringify(manifest)}\n`)
  const signature = signer?.sign(Buffer.concat([Buffer.from('queryloom:bundle:1\n'), bytes]))
  const mark = Buffer.from(`${JSON.stringify({ key: signer?.id, signature })}\n`)
  writeFileSync(join(root, 'signed.qlb'), assemble(bytes, sound.bytes, mark))
  writeFileSync(join(root, 'plain.qlb'), assemble(bytes, sound.bytes))
  const before = snapshot(root)
  const take = (name: string): Promise<unknown> =>
    importBundle(join(root, name), join(root, 'got'), { limits: { bytes: 2 ** 34 }, unsigned: false })
  await expect(take('plain.qlb')).rejects.toThrow('nobody signed it')
  await expect(take('signed.qlb')).rejects.toThrow(`a key that you don't trust: ${signer?.id}`)
  await expect(take('missing.qlb')).rejects.toThrow('no such bundle')
  expect(snapshot(root)).toEqual(before)
})

test('whatever paths a bundle names, nothing is written outside of its folder', async () => {
  const root = temporaryFolder()
  vi.stubEnv('XDG_CONFIG_HOME', temporaryFolder())
  const part = fc.oneof(
    fc.constantFrom('..', '.', '', 'a', 'A', 'é', 'é', '~', 'C:', '\\', '.git'),
    fc.string({ unit: 'binary' }),
  )
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  let placed = 0
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 3 }), async (paths) => {
      const all = ['pipeline.yaml', ...paths.filter((one) => one.isWellFormed())].sort(compareUtf8)
      const files = all.map((one) => fileEntry(one, PIPELINE))
      const blobs = blobsOf([PIPELINE])
      writeFileSync(join(root, 'x.qlb'), assemble({ pipeline: 'pipeline.yaml', files, blobs: blobs.list }, blobs.bytes))
      const before = snapshot(root)
      const limits = { bytes: 1 << 20 }
      const done = await importBundle(join(root, 'x.qlb'), join(root, 'got'), { limits, unsigned: true }).catch(
        (error: unknown) => void expect(error).toBeInstanceOf(StoreError),
      )
      if (done) {
        placed++
        for (const one of all) expect(readFileSync(join(root, 'got', one), 'utf8')).toBe(PIPELINE)
        rmSync(join(root, 'got'), { recursive: true })
      }
      expect(snapshot(root)).toEqual(before)
    }),
    { seed: 6, numRuns: 150 },
  )
  expect(placed).toBeGreaterThan(10)
})
