import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { sha256 } from '../../../cache/digest.ts'
import { lockText, readLockText } from '../../../engine/lock/lock-text.ts'
import { EMPTY_LOCK, type Lockfile, lockPath } from '../../../engine/lock/lockfile.ts'
import { parseLockfile } from '../../../engine/lock/parse-lockfile.ts'
import { readLockfile } from '../../../engine/lock/read-lockfile.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const digest = sha256<never>('x')
const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
    fc.constantFrom('null', 'a: b', '#', 'q[a=1,b=x/y]', '~', '1'),
  )
  .filter((text) => text !== '__proto__' && text.isWellFormed())
const identity = fc.oneof(
  fc.constant(digest as string),
  fc.dictionary(name, fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null)), { maxKeys: 3 }),
  fc.array(fc.constant(digest as string), { maxLength: 3 }),
)
const section = fc.array(fc.tuple(name, identity), { maxLength: 4 }).map((members) => new Map(members))
const outputs = fc.dictionary(name, fc.constant(digest), { maxKeys: 3 })
const anyLock = fc.record({
  datasets: section,
  models: section,
  prompts: section,
  nodes: fc
    .array(fc.tuple(name, fc.record({ key: fc.constant(digest), outputs })), { maxLength: 4 })
    .map((all) => new Map(all)),
}) as unknown as fc.Arbitrary<Lockfile>

function plain(lock: Lockfile | undefined): unknown {
  return lock && Object.fromEntries(Object.entries(lock).map(([key, map]) => [key, Object.fromEntries(map)]))
}

function written(text: string): string {
  const file = join(temporaryFolder(), 'p.lock')
  writeFileSync(file, text)
  return file
}

const GOOD = lockText({ ...EMPTY_LOCK, nodes: new Map([['a', { key: digest, outputs: { out: digest } }]]) })

test('what is written is read back, by the fast reader and by any YAML library, and has one text', () => {
  fc.assert(
    fc.property(anyLock, (lock) => {
      const text = lockText(lock)
      const read = readLockText(text)
      expect(plain(read)).toEqual(plain(lock))
      expect(lockText(read as Lockfile)).toBe(text)
      expect(parse(text)).toEqual({ version: 1, ...(plain(lock) as object) })
      const turned = Object.fromEntries(Object.entries(lock).map(([key, map]) => [key, new Map([...map].reverse())]))
      expect(lockText(turned as unknown as Lockfile)).toBe(text)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('a lockfile stands beside its pipeline, and none is no problem', async () => {
  expect(lockPath('/a/b/c.d.yaml')).toBe('/a/b/c.d.lock')
  expect(await readLockfile(join(temporaryFolder(), 'none.lock'))).toEqual({ diagnostics: [] })
})

test('a lockfile that was laid out by hand says the same', async () => {
  const { lock, diagnostics } = await readLockfile(
    written(`nodes: { a: { outputs: { out: "${digest}" }, key: ${digest} } }\nversion: 1\n`),
  )
  expect(diagnostics).toEqual([])
  expect(lockText(lock as Lockfile)).toBe(GOOD)
})

test.each([
  ['a merge conflict', `version: 1\n<<<<<<< ours\nnodes: {}\n=======\n>>>>>>> theirs\n`, 2, /merge conflict/],
  ['a later version', GOOD.replace('version: 1', 'version: 2'), 3, /later queryloom/],
  ['no version', 'nodes: {}\n', 1, /version: 1/],
  ['an unknown member', `${GOOD}other: 1\n`, 12, /no `other`/],
  ['a list for a map', 'version: 1\nnodes: []\n', 2, /must be a map/],
  ['no digest', GOOD.replace(`key: ${digest}`, 'key: sha256:abc'), 9, /64 hexadecimal/],
  ['a missing key', GOOD.replace(/ {4}key: .*\n/, ''), 8, /64 hexadecimal/],
  ['a name twice', `${GOOD}  a: {}\n`, 12, /twice/],
  ['a name of the language', `version: 1\nnodes: { "__proto__": {} }\n`, 2, /can't be a name/],
  ['nesting', `version: 1\nnodes: ${'['.repeat(5000)}\n`, 2, /nested too deeply/],
  ['aliases of aliases', bomb(), 3, /more than 500000 values/],
  ['binary', '\0\0', 1, /control character/],
  ['nothing', '', 1, /holds nothing/],
])('%s is told with its line, and nothing is read', async (_, text, line, message) => {
  const { lock, diagnostics } = await readLockfile(written(text))
  expect(lock).toBeUndefined()
  expect(diagnostics[0]).toMatchObject({ severity: 'error', line, message: expect.stringMatching(message) })
})

test('what is no canonical text is never half read', () => {
  for (let at = 0; at < GOOD.length; at++) expect(readLockText(GOOD.slice(0, at))).toBeUndefined()
  expect(parseLockfile(written(GOOD)).lock).toEqual(readLockText(GOOD))
})

function bomb(): string {
  const levels = Array.from(
    { length: 8 },
    (_, i) =>
      `  x${i}: &x${i} [${Array(10)
        .fill(i === 0 ? '1' : `*x${i - 1}`)
        .join(', ')}]`,
  )
  return `version: 1\nmodels:\n${levels.join('\n')}\n`
}
