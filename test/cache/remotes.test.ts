import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ActionRecord } from '../../cache/action-log.ts'
import { artifactDigest } from '../../cache/artifact.ts'
import { patientRemote } from '../../cache/patient-remote.ts'
import { pushResults } from '../../cache/push.ts'
import type { Remote } from '../../cache/remote.ts'
import { folderRemote } from '../../cache/remote-folder.ts'
import { blobName } from '../../cache/remote-index.ts'
import { s3Remote } from '../../cache/remote-s3.ts'
import { Remotes } from '../../cache/remotes.ts'
import { loadSigner, newKey } from '../../cache/signing.ts'
import { openStore, type Store } from '../../cache/store.ts'
import { CREDENTIALS, noServer, type S3Server, s3Server } from '../rig/s3-server.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { record, rowKey } from './record.ts'

Object.assign(process.env, CREDENTIALS)

const signal = new AbortController().signal
setMaxListeners(0, signal)

interface Place {
  open(options?: { clockOffsetMs?: number }): Remote
  /** Members of a configuration. */
  entry: string
  /** Folder of the objects. */
  root: string
  s3?: S3Server
}

async function inFolder(root: string = temporaryFolder()): Promise<Place> {
  return { open: () => folderRemote(root), entry: `folder: ${root}`, root }
}

async function inBucket(root?: string): Promise<Place> {
  const s3 = await s3Server(root)
  const { bucket, endpoint, objects } = s3
  const at = { bucket, prefix: 'a', endpoint, pathStyle: true }
  return {
    open: (options) => s3Remote({ ...at, ...options }),
    entry: `s3: ${bucket}/a, endpoint: "${endpoint}", path_style: true`,
    root: join(objects, 'a'),
    s3,
  }
}

/** A store with one remote. */
async function storeWith(
  place: Place,
  project: string,
  config: string,
  options = 'write: true, timeout: 60',
): Promise<{ store: Store; remotes: Remotes; config: string; told: string[] }> {
  writeFileSync(join(project, 'queryloom.yaml'), `remotes: { lab: { ${place.entry}, ${options} } }`)
  const store = await openStore(join(project, '.queryloom'))
  const remotes = new Remotes(store, { project, config })
  const told: string[] = []
  remotes.listen((message) => told.push(message))
  onTestFinished(async () => {
    remotes.close()
    await store.close()
  })
  return { store, remotes, config, told }
}

async function result(
  store: Store,
  name: string,
  bytes: Uint8Array,
): Promise<{ record: ActionRecord; preimage: object }> {
  const preimage = { made: name }
  const { id, size } = await store.blobs.put(bytes)
  const made = record(preimage, [{ path: 'file', size, executable: false, blob: id }])
  expect(made.outputs.pairs!.digest).toBe(artifactDigest(made.outputs.pairs!.files))
  await store.actions.append(made, preimage)
  return { record: made, preimage }
}

async function push(
  { store, remotes, config }: Awaited<ReturnType<typeof storeWith>>,
  results: readonly { record: ActionRecord; preimage: object }[],
  keys: Parameters<typeof rowKey>[0][] = [],
  repair = false,
): Promise<Awaited<ReturnType<typeof pushResults>>> {
  await remotes.load()
  const remote = remotes.all[0]!
  await remote.sync()
  return pushResults(
    remote,
    { blobs: store.blobs, rows: new Map([['llm', store.rows]]) },
    {
      results: results as never,
      rows: [{ kind: 'llm', model: 'sha256:00', keys: keys.map(rowKey) }],
      signer: loadSigner(undefined, config),
      repair,
      onProgress: () => {},
    },
  )
}

/** Several stores of one person, who trusts nobody else. */
function person(place: Place): () => Promise<Awaited<ReturnType<typeof storeWith>>> {
  const config = temporaryFolder()
  const made = newKey('own', config)
  return async () => {
    await made
    return storeWith(place, temporaryFolder(), config)
  }
}

for (const [kind, make] of [
  ['folder', inFolder],
  ['bucket', inBucket],
] as const) {
  describe.skipIf(kind === 'bucket' && noServer !== undefined)(`a remote in a ${kind}`, () => {
    test('keeps objects by name, never replaces one unasked, and lists them', async () => {
      const remote = (await make()).open()
      expect(await remote.put('a/b', Buffer.from('hello'), { signal })).toBe('stored')
      expect(await remote.put('a/b', Buffer.from('other'), { signal })).toBe('there')
      expect(await remote.size('a/b', signal)).toBe(5)
      expect(await remote.size('a/c', signal)).toBeUndefined()
      expect(await text(remote, 'a/b', 2)).toBe('llo')
      expect(await remote.read('a/c', 0, signal)).toBeUndefined()
      expect(await remote.put('a/b', Buffer.from('newer'), { signal, replace: true })).toBe('stored')
      expect(await text(remote, 'a/b', 0)).toBe('newer')
      await remote.put('b/x', Buffer.alloc(0), { signal })
      expect(await remote.list('a/', signal)).toEqual(['a/b'])
      remote.close()
    })

    test('of twenty writers of one name exactly one stores it', async () => {
      const remote = (await make()).open()
      const ends = await Promise.all(
        Array.from({ length: 20 }, (_, at) => remote.put('one', Buffer.from(`writer ${at}`), { signal })),
      )
      expect(ends.filter((end) => end === 'stored').length).toBeGreaterThanOrEqual(1)
      expect(await text(remote, 'one', 0)).toMatch(/^writer \d+$/)
      remote.close()
    })

    test('two writers who race twenty times lose no result and no row', async () => {
      const place = await make()
      const store = person(place)
      const [one, two] = [await store(), await store()]
      const keys: string[] = []
      for (let turn = 0; turn < 20; turn++) {
        await Promise.all(
          [one, two].map(async (writer, who) => {
            const name = `${who} ${turn}`
            const made = await result(writer.store, name, Buffer.from(`output ${name}`))
            await writer.store.rows.getOrRun(rowKey(name), async () => ({ answer: name }))
            keys.push(made.record.key)
            await push(writer, [made], [name])
          }),
        )
      }
      const reader = await store()
      await reader.remotes.sync()
      for (const key of keys) expect(reader.remotes.find(key as never)[0]?.record.key).toBe(key)
      const rows = keys.map((_, at) => rowKey(`${at % 2} ${at >> 1}`))
      expect(rows.every((row) => reader.remotes.hasRow('llm', row))).toBe(true)
      expect(await reader.remotes.fetchRows('llm', rows)).toBe(40)
      expect((await reader.store.rows.getMany(rows)).size).toBe(40)
      expect(reader.told).toEqual([])
    })

    test('a record without its blob is not used, and it is told', async () => {
      const place = await make()
      const store = person(place)
      const writer = await store()
      const made = await result(writer.store, 'x', Buffer.from('a file'))
      await push(writer, [made])
      rmSync(join(place.root, blobName(made.record.outputs.pairs!.files[0]!.blob)))
      const reader = await store()
      await reader.remotes.sync()
      const address = { project: '.', pipeline: 'p', node: 'n' }
      expect(await reader.remotes.fetch(made.record, address)).toBeUndefined()
      expect(reader.store.actions.find(made.record.key)).toEqual([])
      expect(reader.told.join()).toContain('is missing there')
      expect(reader.remotes.find(made.record.key)).toEqual([])
    })

    test.each([
      ['flipped', (bytes: Buffer) => Buffer.concat([Buffer.from([bytes[0]! ^ 1]), bytes.subarray(1)])],
      ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
      ['longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')])],
    ])('a blob that is %s there is refused, told, and replaced by a push that repairs', async (_, damaged) => {
      const place = await make()
      const store = person(place)
      const writer = await store()
      const made = await result(writer.store, 'x', randomBytes(5000))
      await push(writer, [made])
      const { blob } = made.record.outputs.pairs!.files[0]!
      const path = join(place.root, blobName(blob))
      writeFileSync(path, damaged(readFileSync(path)))
      const address = { project: '.', pipeline: 'p', node: 'n' }
      const reader = await store()
      await reader.remotes.sync()
      expect(await reader.remotes.fetch(made.record, address)).toBeUndefined()
      expect(reader.store.blobs.has([blob]).size).toBe(0)
      expect(reader.told.join()).toContain('is damaged there')
      await push(writer, [made], [], true)
      const other = await store()
      await other.remotes.sync()
      expect(await other.remotes.fetch(made.record, address)).toMatchObject({
        node: 'n',
        origin: { remote: 'lab', signer: 'own' },
      })
    })

    test('a full disk ends a push with what happened, nothing is listed that is not there, and what fits can be pushed', async () => {
      const disk = temporaryFolder()
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' })
      } catch {
        process.stderr.write('skipped: this user may not mount a tmpfs\n')
        return
      }
      onTestFinished(() => void execFileSync('umount', ['-l', disk]))
      const place = await make(disk)
      const writer = await person(place)()
      const small = await result(writer.store, 'small', Buffer.from('small'))
      const big = await result(writer.store, 'big', randomBytes(4 << 20))
      await expect(push(writer, [big])).rejects.toMatchObject({
        problem: 'full',
        message: expect.stringMatching(/no space left/),
      })
      expect(await place.open().list('index/', signal)).toEqual([])
      expect(await push(writer, [small])).toMatchObject({ results: 1, blobs: { sent: 1 } })
    })
  })
}

describe.skipIf(noServer !== undefined)('a bucket', () => {
  test('survives SIGKILL in the middle of an upload, which then goes on with the parts that are missing', async () => {
    const place = await inBucket()
    const bytes = randomBytes(80 << 20)
    const path = join(temporaryFolder(), 'big')
    writeFileSync(path, bytes)
    let parts = 0
    const first = place.open()
    const cut = first.put(
      'big',
      { path, size: bytes.length },
      { signal, onProgress: () => void (++parts === 2 && place.s3?.kill()) },
    )
    await expect(cut).rejects.toMatchObject({ problem: 'unreachable' })
    first.close()
    await place.s3?.restart()
    const second = place.open()
    expect(await second.size('big', signal)).toBeUndefined()
    const before = partsOf(place.root)
    expect(before.length).toBeGreaterThanOrEqual(2)
    let kept = 0
    const onProgress = (): void => {
      const now = new Set(partsOf(place.root))
      kept = before.filter((part) => now.has(part)).length
    }
    expect(await second.put('big', { path, size: bytes.length }, { signal, onProgress })).toBe('stored')
    expect(kept).toBe(before.length)
    expect(readFileSync(join(place.root, 'big')).equals(bytes)).toBe(true)
    second.close()
  })

  test('is used though the clock of this machine is two hours wrong', async () => {
    const place = await inBucket()
    const remote = patientRemote(place.open({ clockOffsetMs: 7200_000 }), { timeoutMs: 60_000 })
    expect(await remote.put('x', Buffer.from('bytes'))).toBe('stored')
    remote.close()
  })

  test('that hangs in the middle of a download is given up after its time, and is then asked nothing more', async () => {
    const place = await inBucket()
    mkdirSync(dirname(join(place.root, 'big')), { recursive: true })
    const bytes = randomBytes(32 << 20)
    await place.open().put('big', bytes, { signal })
    const remote = patientRemote(place.open(), { timeoutMs: 300, attempts: 2 })
    const reading = async (): Promise<void> => {
      let seen = 0
      for await (const piece of (await remote.read('big'))!) {
        if (seen === 0) place.s3?.suspend()
        seen += piece.byteLength
      }
    }
    await expect(reading()).rejects.toMatchObject({ problem: 'unreachable' })
    await expect(remote.size('big')).rejects.toBe(remote.dead)
    place.s3?.resume()
  })
})

test('a download that is cut goes on where it was, and attempts end', async () => {
  const asked: number[] = []
  const flaky: Remote = {
    ...folderRemote('/'),
    read: async (_, from) => {
      asked.push(from)
      return (async function* () {
        if (from < 6) yield Buffer.from(from === 0 ? 'abc' : 'def')
        if (from < 6) throw new (await import('../../cache/remote.ts')).RemoteError('unreachable', 'cut')
        yield Buffer.from('ghi')
      })()
    },
  }
  const remote = patientRemote(flaky, { timeoutMs: 60_000, random: () => 0 })
  let all = ''
  for await (const piece of (await remote.read('x'))!) all += Buffer.from(piece).toString()
  expect(all).toBe('abcdefghi')
  expect(asked).toEqual([0, 3, 6])
})

/** Parts of unfinished uploads as the server keeps them; one that is sent again is another file. */
function partsOf(root: string): string[] {
  const folder = join(root, '../.sgwtmp')
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    return entry.isFile() ? [`${path} ${statSync(path).ino}`] : []
  })
}

async function text(remote: Remote, name: string, from: number): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await remote.read(name, from, signal))!) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}
