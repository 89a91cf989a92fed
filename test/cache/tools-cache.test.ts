import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { acquireLock } from '../../cache/file-lock.ts'
import { newOwner, type OwnerRecord, parseOwner, vitality } from '../../cache/owner.ts'
import { openToolsCache } from '../../cache/tools-cache.ts'
import { freshFolders, startFixture } from './support.ts'

const freshFolder = freshFolders()

describe('an owner', () => {
  const here = newOwner()

  test('that runs is alive', () => {
    expect(vitality(here)).toBe('alive')
    expect(vitality({ ...here, pid: process.ppid, started: startOf(process.ppid) })).toBe('alive')
  })

  test.each<[string, Partial<OwnerRecord>, 'dead' | 'unknown']>([
    ['whose process is gone', { pid: 2 ** 22 + 1 }, 'dead'],
    ['whose number another process has now', { started: `${here.started}1` }, 'dead'],
    [
      'of an earlier boot of this machine',
      { machine: here.machine, boot: 'earlier' },
      here.machine === '' ? 'unknown' : 'dead',
    ],
    ['of another machine of the same name', { machine: 'other', boot: 'other' }, 'unknown'],
    ['of another host', { host: 'other', machine: 'other', boot: 'other', pid: 2 ** 22 + 1 }, 'unknown'],
    ['of another pid namespace', { pidNamespace: 'pid:[1]', pid: 2 ** 22 + 1 }, 'unknown'],
  ])('%s', (_, change, verdict) => {
    expect(vitality({ ...here, ...change })).toBe(verdict)
  })

  test('is read back whole or not at all', () => {
    const text = JSON.stringify(here)
    expect(parseOwner(text)).toEqual(here)
    for (let length = 0; length < text.length; length++) expect(parseOwner(text.slice(0, length))).toBeUndefined()
    expect(parseOwner('null')).toBeUndefined()
    expect(parseOwner(JSON.stringify({ ...here, pid: '1' }))).toBeUndefined()
  })
})

function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

describe('a lock', () => {
  test('is held by one, and free after its release', async () => {
    const path = join(freshFolder(), 'lock')
    const first = await acquireLock(path, { waitMs: 0 })
    expect(first.held()).toBe(true)
    await expect(acquireLock(path, { waitMs: 0 })).rejects.toMatchObject({ problem: 'busy', where: path })
    const waiting = acquireLock(path, { waitMs: 60_000 })
    first.release()
    const second = await waiting
    expect([first.held(), second.held()]).toEqual([false, true])
    first.release()
    expect(second.held()).toBe(true)
    second.release()
    expect(readdirSync(dirname(path))).toEqual([])
  })

  const stranger = JSON.stringify({ ...newOwner(), host: 'h', machine: 'm', boot: 'b' })

  /** Time that passes only while somebody waits. */
  function waitedClock(onWait: () => void): { now(): number; wait(ms: number): Promise<void> } {
    let now = 0
    return {
      now: () => now,
      wait: async (ms) => {
        now += ms
        onWait()
      },
    }
  }

  test('of a dead owner is taken over at once', async () => {
    const path = join(freshFolder(), 'lock')
    writeFileSync(path, JSON.stringify({ ...newOwner(), started: '1' }))
    const lock = await acquireLock(path, { waitMs: 0 })
    expect(lock.held()).toBe(true)
    lock.release()
  })

  test.each([
    ['an owner of another host', stranger],
    ['nobody knows whom', '{"torn'],
  ])('of %s is taken over when there was no sign of life for long', async (_, text) => {
    const path = join(freshFolder(), 'lock')
    writeFileSync(path, text)
    const clock = waitedClock(() => {})
    const lock = await acquireLock(path, { waitMs: 200_000, silentMs: 60_000, clock })
    expect(lock.held()).toBe(true)
    expect(clock.now()).toBeGreaterThanOrEqual(60_000)
    lock.release()
  })

  test('of another host is respected while it gives signs of life', async () => {
    const path = join(freshFolder(), 'lock')
    writeFileSync(path, stranger)
    let beats = 0
    const clock = waitedClock(() => utimesSync(path, 1, ++beats))
    await expect(acquireLock(path, { waitMs: 200_000, silentMs: 60_000, clock })).rejects.toMatchObject({
      problem: 'busy',
    })
    expect(readFileSync(path, 'utf8')).toBe(stranger)
  })

  test('wanted by many is held by one at a time', async () => {
    const path = join(freshFolder(), 'lock')
    writeFileSync(path, JSON.stringify({ ...newOwner(), started: '1' }))
    let inside = 0
    const turns = Array.from({ length: 8 }, async () => {
      const lock = await acquireLock(path, { waitMs: 60_000 })
      expect(++inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
      lock.release()
    })
    await Promise.all(turns)
  })
})

describe('the tools cache', () => {
  test('builds a folder once and gives it to everybody', async () => {
    const cache = openToolsCache(freshFolder())
    let builds = 0
    const build = async (folder: string): Promise<void> => {
      builds++
      mkdirSync(join(folder, 'bin'))
      writeFileSync(join(folder, 'bin', 'python'), 'p')
    }
    expect(cache.find('python', 'a')).toBeUndefined()
    const folders = await Promise.all([1, 2, 3].map(() => cache.getOrBuild('python', 'a', build)))
    expect(new Set(folders).size).toBe(1)
    expect(builds).toBe(1)
    expect(readFileSync(join(folders[0] ?? '', 'bin', 'python'), 'utf8')).toBe('p')
    const next = openToolsCache(cache.root)
    expect(next.find('python', 'a')).toBe(folders[0])
    expect(await next.getOrBuild('python', 'a', build)).toBe(folders[0])
    expect(next.find('python', 'b')).toBeUndefined()
    expect(next.find('models', 'a')).toBeUndefined()
    expect(builds).toBe(1)
    expect(readdirSync(join(cache.root, 'python', '.building'))).toEqual([])
  })

  test('leaves nothing of a build that failed, and hands on its error as it was', async () => {
    const cache = openToolsCache(freshFolder())
    const failure = Object.assign(new Error('no network'), { code: 'EACCES' })
    const build = async (folder: string): Promise<void> => {
      writeFileSync(join(folder, 'half'), 'h')
      throw failure
    }
    await expect(cache.getOrBuild('python', 'a', build)).rejects.toBe(failure)
    expect(cache.find('python', 'a')).toBeUndefined()
    expect(readdirSync(join(cache.root, 'python', '.building'))).toEqual([])
    await cache.getOrBuild('python', 'a', async () => {})
    expect(cache.find('python', 'a')).toBeDefined()
  })

  test('uses what another process finished first after it took the lock over', async () => {
    const cache = openToolsCache(freshFolder())
    const folder = await cache.getOrBuild('python', 'a', async (mine) => {
      writeFileSync(join(mine, 'second'), '2')
      mkdirSync(join(cache.root, 'python', 'a'))
      writeFileSync(join(cache.root, 'python', 'a', 'first'), '1')
    })
    expect(readdirSync(folder)).toEqual(['first'])
  })

  test('keeps any key to a name of its own below its kind', async () => {
    const cache = openToolsCache(freshFolder())
    const keys = ['../../x', 'a/b', '.building', '', 'a'.repeat(300), 'sha256:00', 'plain-1.0', 'ü']
    const folders = await Promise.all(keys.map((key) => cache.getOrBuild('k', key, async () => {})))
    expect(new Set(folders).size).toBe(keys.length)
    for (const folder of folders) expect(dirname(folder)).toBe(join(cache.root, 'k'))
    expect(folders[6]).toBe(join(cache.root, 'k', 'plain-1.0'))
  })

  test('goes on by itself after a process was killed while it built', async () => {
    const root = freshFolder()
    const { child, ended } = startFixture('slow-builder.ts', [root], () => child.kill('SIGKILL'))
    expect(await ended).toBeNull()
    const work = join(root, 'python', '.building')
    expect(readdirSync(work).length).toBe(2)
    const cache = openToolsCache(root)
    expect(cache.find('python', 'a')).toBeUndefined()
    const folder = await cache.getOrBuild('python', 'a', async (private_) => {
      expect(readdirSync(private_)).toEqual([])
      writeFileSync(join(private_, 'whole'), 'w')
    })
    expect(readdirSync(folder)).toEqual(['whole'])
    expect(readdirSync(work)).toEqual([])
  })

  test('waits for another process that builds the same, and says for whom', async () => {
    const root = freshFolder()
    const messages: string[] = []
    let built: Promise<string> | undefined
    const cache = openToolsCache(root, {
      onWait: (message) => {
        messages.push(message)
        child.stdin?.end()
      },
    })
    const { child, ended } = startFixture('slow-builder.ts', [root, 'finish'], () => {
      built = cache.getOrBuild('python', 'a', () => Promise.reject(new Error('must not build')))
    })
    expect(await ended).toBe(0)
    expect(readdirSync((await built) ?? '')).toEqual(['half', 'whole'])
    expect(messages).toEqual([expect.stringContaining(`process ${child.pid} on`)])
  })

  test('builds once for processes that want the same at the same time', async () => {
    const [root, log] = [freshFolder(), join(freshFolder(), 'log')]
    const folders: string[] = []
    let ready = 0
    const started = [1, 2, 3].map(() =>
      startFixture('counted-builder.ts', [root, log], (line) => {
        if (line !== 'ready') folders.push(line)
        else if (++ready === 3) for (const { child } of started) child.stdin?.write('go')
      }),
    )
    for (const { ended } of started) expect(await ended).toBe(0)
    expect(readFileSync(log, 'utf8').trim().split('\n').length).toBe(1)
    expect(folders).toEqual(Array(3).fill(join(root, 'python', 'a')))
    expect(readdirSync(folders[0] ?? '')).toEqual(['whole'])
  })

  describe('lies', () => {
    afterEach(() => void vi.unstubAllEnvs())

    test('where XDG says', () => {
      vi.stubEnv('XDG_CACHE_HOME', '/some/cache')
      expect(openToolsCache().root).toBe('/some/cache/queryloom')
    })

    test.each(['', 'relative/path', undefined])('in the home folder if XDG says %j', (value) => {
      vi.stubEnv('XDG_CACHE_HOME', value)
      expect(openToolsCache().root).toBe(join(homedir(), '.cache', 'queryloom'))
      expect(existsSync('relative')).toBe(false)
    })
  })
})
