import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Claims, type ClaimsOptions, openClaims } from '../../cache/claims.ts'
import { newOwner, type OwnerRecord } from '../../cache/owner.ts'
import { freshFolders, startFixture } from './support.ts'

const freshFolder = freshFolders()
const ever = new AbortController().signal

/** Leaves the claim of somebody else. */
function claimOf(folder: string, name: string, change: Partial<OwnerRecord>): { owner: string } {
  const owner = { ...newOwner(), ...change }
  const path = join(folder, 'owners', `${owner.nonce}.json`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify(owner))
  symlinkSync(`${owner.nonce} their run`, join(folder, name))
  return { owner: path }
}

const DEAD = { started: '1' }
const STRANGER = { host: 'h', machine: 'm', boot: 'b' }

describe('a claim', () => {
  test('is held by one, and free after its release', async () => {
    const folder = freshFolder()
    const [one, other] = [openClaims(folder), openClaims(folder)]
    expect(one.take('a', 'run 1')).toBeUndefined()
    expect(one.take('a')).toMatchObject({ isSelf: true })
    expect(other.take('a')).toMatchObject({ isSelf: false, note: 'run 1', owner: { pid: process.pid } })
    expect(other.take('b')).toBeUndefined()
    const freed = other.freed('a', ever)
    one.release('a')
    await freed
    expect(other.take('a')).toBeUndefined()
    one.release('a')
    expect(one.take('a')).toMatchObject({ isSelf: false })
    for (const claims of [one, other]) claims.close()
    expect(readdirSync(folder)).toEqual(['owners'])
    expect(readdirSync(join(folder, 'owners'))).toEqual([])
  })

  test('within one process goes to those who wait for it, one after the other', async () => {
    const claims = openClaims(freshFolder())
    let inside = 0
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (claims.take('a')) await claims.freed('a', ever)
        expect(++inside).toBe(1)
        await new Promise((resolve) => setImmediate(resolve))
        inside--
        claims.release('a')
      }),
    )
    claims.close()
  })

  test.each<[string, ClaimsOptions]>([
    ['that tells of changes', {}],
    ['that tells of none', { watch: () => ({ close: () => {}, on: () => undefined as never }) }],
    [
      'that can not be watched',
      {
        watch: () => {
          throw Object.assign(new Error('too many watches'), { code: 'ENOSPC' })
        },
      },
    ],
  ])('on a file system %s is waited for until it is free', async (_, options) => {
    const folder = freshFolder()
    const [one, other] = [openClaims(folder), openClaims(folder, options)]
    one.take('a')
    const freed = other.freed('a', ever)
    setImmediate(() => one.release('a'))
    await freed
    expect(other.take('a')).toBeUndefined()
    for (const claims of [one, other]) claims.close()
  })

  test('is waited for as long as the signal says', async () => {
    const folder = freshFolder()
    const [one, other] = [openClaims(folder), openClaims(folder)]
    one.take('a')
    const stop = new AbortController()
    const freed = other.freed('a', stop.signal)
    stop.abort(new Error('enough'))
    await expect(freed).rejects.toThrow('enough')
    await expect(other.freed('a', stop.signal)).rejects.toThrow('enough')
    for (const claims of [one, other]) claims.close()
  })

  test.each<[string, Partial<OwnerRecord>]>([
    ['that is dead', DEAD],
    ['whose process is gone', { pid: 2 ** 22 + 1 }],
  ])('of an owner %s is overtaken at once, and nothing of it is left', (_, change) => {
    const folder = freshFolder()
    claimOf(folder, 'a', change)
    claimOf(folder, 'b', change)
    const claims = openClaims(folder)
    expect(claims.take('a')).toBeUndefined()
    claims.close()
    expect(readdirSync(folder)).toEqual(['owners'])
    expect(readdirSync(join(folder, 'owners'))).toEqual([])
  })

  test('of an owner that dies while it is waited for is free', async () => {
    const folder = freshFolder()
    const claims = openClaims(folder)
    let freed: Promise<void> | undefined
    const { child, ended } = startFixture('claimer.ts', [folder, 'a'], () => {
      expect(claims.take('a')).toMatchObject({ owner: { pid: child.pid } })
      freed = claims.freed('a', ever)
      child.kill('SIGKILL')
    })
    expect(await ended).toBeNull()
    await freed
    expect(claims.take('a')).toBeUndefined()
    claims.close()
  })

  test.each<[string, Partial<OwnerRecord>]>([
    ['of another host', STRANGER],
    ['of another pid namespace', { pidNamespace: 'pid:[1]', pid: 2 ** 22 + 1 }],
  ])('of an owner %s is overtaken after three minutes without a sign of life, and not before', (_, change) => {
    const folder = freshFolder()
    const { owner } = claimOf(folder, 'a', change)
    let now = 0
    const claims = openClaims(folder, { now: () => now })
    for (let beat = 1; beat <= 20; beat++) {
      expect(claims.take('a')).toMatchObject({ note: 'their run' })
      utimesSync(owner, beat, beat)
      now += 100_000
    }
    expect(claims.take('a')).toBeDefined()
    now += 179_999
    expect(claims.take('a')).toBeDefined()
    now += 1
    expect(claims.take('a')).toBeUndefined()
    claims.close()
  })

  test.each<[string, (path: string) => void]>([
    ['a link to nobody', (path) => symlinkSync('0123456789abcdef', path)],
    ['a link to somewhere', (path) => symlinkSync('../../../etc/passwd', path)],
    ['an empty file', (path) => writeFileSync(path, '')],
    ['a folder with something in it', (path) => mkdirSync(join(path, 'x'), { recursive: true })],
  ])('that is %s is overtaken after ten seconds', (_, leave) => {
    const folder = freshFolder()
    leave(join(folder, 'a'))
    let now = 0
    const claims = openClaims(folder, { now: () => now })
    expect(claims.take('a')).toMatchObject({ owner: undefined })
    now += 9_999
    expect(claims.take('a')).toBeDefined()
    now += 1
    expect(claims.take('a')).toBeUndefined()
    expect(readlinkSync(join(folder, 'a'))).toMatch(/^[0-9a-f]{16} /)
    expect(readdirSync(folder).sort()).toEqual(['a', 'owners'])
    claims.close()
  })

  test('with a torn owner record is overtaken after ten seconds', () => {
    const folder = freshFolder()
    const { owner } = claimOf(folder, 'a', DEAD)
    writeFileSync(owner, '{"host":')
    let now = 0
    const claims = openClaims(folder, { now: () => now })
    expect(claims.take('a')).toBeDefined()
    now += 10_000
    expect(claims.take('a')).toBeUndefined()
    claims.close()
  })

  test('can be made although somebody removed the folder', () => {
    const folder = join(freshFolder(), 'claims')
    const [one, other] = [openClaims(folder), openClaims(folder)]
    expect(one.take('a')).toBeUndefined()
    rmSync(folder, { recursive: true })
    expect(one.take('b')).toBeUndefined()
    expect(other.take('b')).toMatchObject({ owner: { nonce: expect.any(String) } })
    one.release('a')
    for (const claims of [one, other]) claims.close()
  })

  test('that can not be made stops nobody', () => {
    const folder = join(freshFolder(), 'claims')
    writeFileSync(folder, 'a file')
    const claims = openClaims(folder)
    expect(claims.take('a')).toBeUndefined()
    expect(claims.take('a')).toMatchObject({ isSelf: true })
    claims.release('a')
    claims.close()
    expect(existsSync(folder)).toBe(true)
  })

  test.each<[string, ClaimsOptions]>([
    ['with links', {}],
    ['that is brief', { brief: true }],
  ])('%s is never held by two in any order of steps, and nobody waits for ever', async (_, options) => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1 }), { minLength: 2, maxLength: 5 }),
        async (scheduler, orders) => {
          const folder = freshFolder()
          claimOf(folder, '0', DEAD)
          const inside = new Set<number>()
          const work = async (claims: Claims, order: readonly number[]): Promise<void> => {
            for (const name of order) {
              while (claims.take(String(name))) await claims.freed(String(name), ever)
              expect(inside.has(name)).toBe(false)
              inside.add(name)
              await scheduler.schedule(Promise.resolve(), `at ${name}`)
              inside.delete(name)
              claims.release(String(name))
            }
            claims.close()
          }
          await scheduler.waitFor(Promise.all(orders.map((order) => work(openClaims(folder, options), order))))
          expect(readdirSync(folder)).toEqual(['owners'])
        },
      ),
      { numRuns: 60, seed: 7 },
    )
  })
})

describe('a brief claim', () => {
  const brief = { brief: true }
  const slotsIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.slots'))

  test('is a line in one file as long as nobody else is there, and a link from then on', () => {
    const folder = freshFolder()
    const [one, other] = [openClaims(folder, brief), openClaims(folder, brief)]
    for (const name of ['a', 'b', 'c']) expect(one.take(name)).toBeUndefined()
    expect(readdirSync(folder).sort()).toEqual([...slotsIn(folder), 'owners'].sort())
    expect(slotsIn(folder).length).toBe(1)
    expect(other.take('b')).toMatchObject({ isSelf: false, owner: { pid: process.pid } })
    expect(other.take('d')).toBeUndefined()
    expect(one.take('d')).toMatchObject({ isSelf: false })
    expect(one.take('e')).toBeUndefined()
    expect(other.take('e')).toMatchObject({ isSelf: false })
    expect(readlinkSync(join(folder, 'e'))).toMatch(/^[0-9a-f]{16} $/)
    other.close()
    expect(one.take('f')).toBeUndefined()
    expect(one.take('g')).toBeUndefined()
    expect(existsSync(join(folder, 'g'))).toBe(false)
    one.close()
    expect(readdirSync(folder)).toEqual(['owners'])
    expect(readdirSync(join(folder, 'owners'))).toEqual([])
  })

  test('that was given back takes no room: the next stands in its place', () => {
    const folder = freshFolder()
    const claims = openClaims(folder, brief)
    for (let n = 0; n < 1000; n++) {
      claims.take(`row ${n}`)
      if (n >= 4) claims.release(`row ${n - 4}`)
    }
    expect(statSync(join(folder, slotsIn(folder)[0]!)).size).toBeLessThanOrEqual(6 * 80)
    claims.close()
  })

  test('is free for others soon after it was given back', async () => {
    const folder = freshFolder()
    const [one, other] = [openClaims(folder, brief), openClaims(folder, brief)]
    for (const name of ['a', 'ab', 'b']) one.take(name)
    expect(other.take('a')).toMatchObject({ isSelf: false })
    one.release('a')
    await other.freed('a', ever)
    expect(other.take('a')).toBeUndefined()
    expect(other.take('ab')).toMatchObject({ isSelf: false })
    for (const claims of [one, other]) claims.close()
  })

  test('of an owner that is killed is overtaken, and nothing of it is left', async () => {
    const folder = freshFolder()
    const claims = openClaims(folder, brief)
    const { child, ended } = startFixture('claimer.ts', [folder, 'a', 'brief'], () => child.kill('SIGKILL'))
    expect(await ended).toBeNull()
    expect(slotsIn(folder).length).toBe(1)
    expect(claims.take('a')).toBeUndefined()
    claims.close()
    expect(readdirSync(folder)).toEqual(['owners'])
    expect(readdirSync(join(folder, 'owners'))).toEqual([])
  })
})
