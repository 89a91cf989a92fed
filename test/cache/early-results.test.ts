import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ActionRecord, openActionLog } from '../../cache/action-log.ts'
import { type ActionKey, sha256 } from '../../cache/digest.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const slowDisk = { sync: () => new Promise<void>(() => {}) }
const disk = { sync: async () => {} }

function record(name: string, at = 0): ActionRecord {
  return {
    project: 'p',
    pipeline: 'p.yaml',
    node: 'n',
    key: sha256(name) as ActionKey,
    outputs: {},
    summary: { counts: {} },
    incomplete: 0,
    run: name,
    engine: '0',
    startedAt: new Date(at).toISOString(),
    seconds: 1,
    requests: { sent: 0, cached: 0, failed: 0 },
  }
}

/** Appends records in a process of its own, which is killed before any of them is committed. */
function killedWhileCommitting(folder: string, ...records: ActionRecord[]): void {
  const log = join(packageRoot, 'dist/cache/action-log.js')
  const script = `const { openActionLog } = await import(${JSON.stringify(log)})
    const log = openActionLog(${JSON.stringify(folder)}, { sync: () => new Promise(() => {}) })
    for (const record of ${JSON.stringify(records)}) void log.append(record, { stage: record.run, version: 1 })
    process.kill(process.pid, 'SIGKILL')`
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
}

test('a result outlives its process from the moment in which it is given, and others find it', async () => {
  const folder = temporaryFolder()
  killedWhileCommitting(folder, record('a'), record('b'))
  expect(existsSync(join(folder, 'actions.log'))).toBe(false)
  const log = openActionLog(folder, disk)
  expect(log.find(record('a').key)).toEqual([record('a')])
  expect(log.preimage(record('b').key)).toEqual({ stage: 'b', version: 1 })
  expect(log.head(record('b'))?.record.run).toBe('b')
  await log.close()
})

test('the next process that records anything commits what a dead one left, once', async () => {
  const folder = temporaryFolder()
  killedWhileCommitting(folder, record('a'))
  const log = openActionLog(folder, disk)
  await log.append(record('c'), { stage: 'c', version: 1 })
  await log.flush()
  await log.close()
  expect(readdirSync(join(folder, 'early'))).toEqual([])
  const again = openActionLog(folder, disk)
  expect(again.find(record('a').key)).toEqual([record('a')])
  expect(again.preimage(record('a').key)).toEqual({ stage: 'a', version: 1 })
  await again.close()
  const lines = readFileSync(join(folder, 'actions.log'), 'utf8').split('\n')
  expect(lines.filter((line) => line.includes('"run":"a"'))).toHaveLength(1)
})

test('what was left late is not taken for the newest result of its node', async () => {
  const folder = temporaryFolder()
  const first = openActionLog(folder, disk)
  await first.append(record('new', 2_000), { stage: 'new', version: 1 })
  await first.close()
  killedWhileCommitting(folder, record('old', 1_000))
  const log = openActionLog(folder, disk)
  expect(log.head(record('old'))?.record.run).toBe('new')
  await log.append({ ...record('other'), node: 'another' }, { stage: 'other', version: 1 })
  await log.close()
  const again = openActionLog(folder, disk)
  expect(again.find(record('old').key)).toHaveLength(1)
  expect(again.head(record('old'))?.record.run).toBe('new')
  await again.close()
})

test('what another boot left is not believed, and what is torn is skipped', async () => {
  const folder = temporaryFolder()
  killedWhileCommitting(folder, record('a'), record('b'))
  const [name] = readdirSync(join(folder, 'early')) as [string]
  const file = join(folder, 'early', name)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, -10))
  const torn = openActionLog(folder, disk)
  expect(torn.find(record('a').key)).toHaveLength(1)
  expect(torn.find(record('b').key)).toEqual([])
  await torn.close()
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  writeFileSync(
    file,
    text.replace(
      boot,
      boot.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
    ),
  )
  const later = openActionLog(folder, disk)
  expect(later.find(record('a').key)).toEqual([])
  await later.close()
})

test('a disk that refuses the commit does not lose the result: the next process records it', async () => {
  const folder = temporaryFolder()
  const full = { sync: () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })) }
  const log = openActionLog(folder, full)
  await expect(log.append(record('a'), { stage: 'a', version: 1 })).rejects.toThrow()
  await log.close()
  const next = openActionLog(folder, disk)
  expect(next.find(record('a').key)).toEqual([record('a')])
  await next.close()
})

test('of a living process, what is not committed yet is seen and left alone', async () => {
  const folder = temporaryFolder()
  mkdirSync(folder, { recursive: true })
  const writing = openActionLog(folder, slowDisk)
  void writing.append(record('a'), { stage: 'a', version: 1 })
  const other = openActionLog(folder, disk)
  expect(other.find(record('a').key)).toEqual([record('a')])
  await other.append(record('b'), { stage: 'b', version: 1 })
  await other.close()
  expect(readdirSync(join(folder, 'early'))).toHaveLength(1)
})

test('what is committed is noted no longer, however much comes meanwhile: others read little', async () => {
  const folder = temporaryFolder()
  let end = (): void => {}
  const log = openActionLog(folder, { sync: () => new Promise<void>((resolve) => (end = resolve)) })
  const noted = (): string[] =>
    readdirSync(join(folder, 'early')).flatMap((name) => {
      const [, ...lines] = readFileSync(join(folder, 'early', name), 'utf8')
        .trimEnd()
        .split('\n')
      return lines.map((line) => /"run":"([^"]*)"/.exec(line)?.[1] as string)
    })
  const appended: Promise<void>[] = []
  const append = (name: string): void => void appended.push(log.append(record(name), { stage: name, version: 1 }))
  append('0')
  for (let at = 1; at <= 20; at++) {
    const before = end
    while (end === before) await new Promise((resolve) => setTimeout(resolve, 1))
    append(String(at))
    expect(noted().sort()).toEqual([String(at - 1), String(at)].sort())
    end()
    await appended[at - 1]
  }
  const before = end
  while (end === before) await new Promise((resolve) => setTimeout(resolve, 1))
  end()
  await log.close()
  expect(readdirSync(join(folder, 'early'))).toEqual([])
})

test('of a process that dies in the midst of many commits nothing is lost that it had noted', async () => {
  const folder = temporaryFolder()
  const log = join(packageRoot, 'dist/cache/action-log.js')
  const script = `const { openActionLog } = await import(${JSON.stringify(log)})
    const log = openActionLog(${JSON.stringify(folder)}, { sync: async () => {} })
    const records = ${JSON.stringify(Array.from({ length: 60 }, (_, at) => record(String(at))))}
    for (const record of records) {
      void log.append(record, { stage: record.run, version: 1 })
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    process.kill(process.pid, 'SIGKILL')`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(signal).toBe('SIGKILL')
  const next = openActionLog(folder, disk)
  for (let at = 0; at < 60; at++) expect(next.find(record(String(at)).key)).toHaveLength(1)
  await next.close()
})
