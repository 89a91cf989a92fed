import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newOwner, type OwnerRecord, parseOwner, startOf, vitality } from '../../cache/owner.ts'
import { RUN_COOKIE } from './child-environment.ts'

/** What is remembered of a child so that a later run can end it should this one be killed. */
interface ChildRecord {
  group: number
  /** Start of the group's leader, in clock ticks since the boot: with the pid it names one process. */
  started: string
  engine: OwnerRecord
  run: string
  title: string
}

/** Remembers the children of a run in the store while they live. */
export class Children {
  readonly #folder: string
  readonly #run: string
  readonly #engine: OwnerRecord = newOwner()
  count = 0

  constructor(store: string, run: string) {
    this.#folder = join(store, 'children')
    this.#run = run
    mkdirSync(this.#folder, { recursive: true })
  }

  /** Notes a started child, which leads its own group; returns what forgets it. */
  add(pid: number, title: string): () => void {
    this.count++
    const record: ChildRecord = {
      group: pid,
      started: startOf(pid) ?? '',
      engine: this.#engine,
      run: this.#run,
      title,
    }
    const path = join(this.#folder, `${pid}.json`)
    writeFileSync(path, JSON.stringify(record))
    return () => rmSync(path, { force: true })
  }
}

/**
 * Ends what dead engines left behind: recorded groups whose engine is gone, and processes that carry the cookie of
 * such a run. A process is only touched if its start time or its cookie says that it is the recorded one.
 */
export function sweepChildren(store: string): string[] {
  const folder = join(store, 'children')
  const swept: string[] = []
  const deadRuns = new Set<string>()
  for (const name of safeList(folder)) {
    const path = join(folder, name)
    const record = readRecord(path)
    if (record && vitality(record.engine) !== 'dead') continue
    rmSync(path, { force: true })
    if (!record) continue
    deadRuns.add(record.run)
    if (startOf(record.group) === record.started && end(-record.group)) swept.push(record.title)
  }
  if (deadRuns.size > 0) swept.push(...sweepByCookie(deadRuns))
  return swept
}

function sweepByCookie(runs: ReadonlySet<string>): string[] {
  const swept: string[] = []
  for (const name of safeList('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const cookie = read(`/proc/${pid}/environ`)
      ?.split('\0')
      .find((entry) => entry.startsWith(`${RUN_COOKIE}=`))
    if (cookie && runs.has(cookie.slice(RUN_COOKIE.length + 1)) && end(pid)) swept.push(`process ${pid}`)
  }
  return swept
}

function readRecord(path: string): ChildRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as ChildRecord
    const valid = Number.isInteger(record.group) && record.group > 1 && record.started !== ''
    return valid && parseOwner(JSON.stringify(record.engine)) ? record : undefined
  } catch {
    return undefined
  }
}

function end(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function safeList(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
