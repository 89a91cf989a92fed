import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { freshNonce } from '../../cache/durable.ts'
import { newOwner, type OwnerRecord, parseOwner, vitality } from '../../cache/owner.ts'
import { CHILD_COOKIE, RUN_COOKIE } from './child-environment.ts'
import { Reaper } from './reaper.ts'

/** What is remembered of a run while its children live, so that a later run can end them should this one be killed. */
interface Note {
  engine: OwnerRecord
  cookie: string
}

/** What ended children left is looked for so long after the first of them: one look at all processes for many. */
const SWEEP_MS = 500
/** A process that does not go within this time after SIGKILL hangs in the kernel. */
const UNKILLABLE_MS = 10_000

/**
 * The children of one run: a reaper ends them with the engine, and a note in the store tells the next run what to look
 * for should the reaper be gone as well.
 */
export class Children {
  /** Value of the variable that marks every process of the run. */
  readonly cookie: string
  count = 0
  #names = 0
  readonly #folder: string
  readonly #note: string
  readonly #groups: string
  /** Children whose leftovers were not looked for yet. */
  readonly #ended = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<unknown> = Promise.resolve()
  #fd: number | undefined
  #reaper: Reaper | undefined

  constructor(store: string, run: string) {
    this.cookie = `${run}-${freshNonce()}`
    this.#folder = join(store, 'children')
    this.#note = join(this.#folder, `${this.cookie}.json`)
    this.#groups = join(this.#folder, `${this.cookie}.groups`)
  }

  /** Call before the first child starts: from then on, whatever ends the engine ends its children. */
  prepare(execa: typeof import('execa')['execa']): void {
    if (this.#reaper) return
    mkdirSync(this.#folder, { recursive: true })
    writeFileSync(this.#note, JSON.stringify({ engine: newOwner(), cookie: this.cookie } satisfies Note))
    // A file, not the pipe: telling the reaper of every child would wake it every time.
    this.#fd = openSync(this.#groups, 'a')
    this.#reaper = new Reaper(execa, `${RUN_COOKIE}=${this.cookie}`, this.#groups)
  }

  /** A name for a child that is about to start; it and all that it starts carry it. */
  name(): string {
    return String(++this.#names)
  }

  /** Takes in a started child, which leads its own group; returns what to call when it has ended. */
  add(name: string, pid: number): () => void {
    this.count++
    this.#write(`+${pid}\n`)
    return () => {
      this.#write(`-${pid}\n`)
      this.#ended.add(name)
      this.#timer ??= setTimeout(() => this.#sweep(), SWEEP_MS).unref()
    }
  }

  /** Ends what these ended children left behind, in whatever session; false if some of it can't be ended. */
  async gone(names: ReadonlySet<string>): Promise<boolean> {
    const deadline = performance.now() + UNKILLABLE_MS
    for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, 200)) {
      const left = carriers((run, child) => run === this.cookie && names.has(child))
      for (const name of names) this.#ended.delete(name)
      if (left.length === 0) return true
      for (const pid of left) end(pid)
      if (performance.now() > deadline) return false
      // Nothing tells of the end of a process that is no child of ours.
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** Ends what is left of all children. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#sweeping
    if (this.#ended.size > 0) await this.gone(new Set(this.#ended))
    this.#reaper?.close()
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#note, { force: true })
    rmSync(this.#groups, { force: true })
  }

  #sweep(): void {
    this.#timer = undefined
    this.#sweeping = Promise.all([this.#sweeping, this.gone(new Set(this.#ended))])
  }

  #write(line: string): void {
    if (this.#fd !== undefined) writeSync(this.#fd, line)
  }
}

/** Ends the processes that carry the cookie of a run whose engine is dead, and tells which. */
export function sweepChildren(store: string): string[] {
  const folder = join(store, 'children')
  const cookies = new Set<string>()
  for (const name of safeList(folder)) {
    if (!name.endsWith('.json')) continue
    const path = join(folder, name)
    const note = parseNote(read(path))
    if (note && vitality(note.engine) !== 'dead') continue
    rmSync(path, { recursive: true, force: true })
    rmSync(path.replace(/json$/, 'groups'), { force: true })
    if (note) cookies.add(note.cookie)
  }
  if (cookies.size === 0) return []
  return carriers((run) => cookies.has(run)).flatMap((pid) => (end(pid) ? [`process ${pid}`] : []))
}

/** Living processes with the cookies of a child that is looked for. */
function carriers(wanted: (run: string, child: string) => boolean): number[] {
  return safeList('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    // Of a zombie nothing can be read any more.
    const environ = read(`/proc/${pid}/environ`)
    if (!environ?.includes(`${RUN_COOKIE}=`)) return []
    const entries = environ.split('\0')
    const value = (cookie: string): string =>
      entries.find((entry) => entry.startsWith(`${cookie}=`))?.slice(cookie.length + 1) ?? ''
    return wanted(value(RUN_COOKIE), value(CHILD_COOKIE)) ? [pid] : []
  })
}

function parseNote(text: string | undefined): Note | undefined {
  try {
    const { engine, cookie } = JSON.parse(text ?? '') as Partial<Note>
    const owner = parseOwner(JSON.stringify(engine ?? null))
    return owner && typeof cookie === 'string' && cookie !== '' ? { engine: owner, cookie } : undefined
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
