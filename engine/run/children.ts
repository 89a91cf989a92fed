import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { freshNonce } from '../../cache/durable.ts'
import { newOwner, type OwnerRecord, parseOwner, vitality } from '../../cache/owner.ts'
import { namesIn } from '../util/names-in.ts'
import { RUN_COOKIE } from './child-environment.ts'
import { Reaper } from './reaper.ts'
import { Stragglers } from './stragglers.ts'

/** What is remembered of a run while its children live, so that a later run can end them should this one be killed. */
interface Note {
  engine: OwnerRecord
  cookie: string
}

/**
 * The children of one run: a reaper ends them with the engine, and a note in the store tells the next run what to look
 * for should the reaper be gone as well.
 */
export class Children {
  /** Value of the variable that marks every process of the run. */
  readonly cookie: string
  count = 0
  readonly stragglers: Stragglers = new Stragglers()
  readonly #folder: string
  readonly #note: string
  readonly #groups: string
  #fd: number | undefined
  #reaper: Reaper | undefined

  constructor(store: string, run: string) {
    this.cookie = `${run}-${freshNonce()}`
    this.#folder = join(store, 'children')
    this.#note = join(this.#folder, `${this.cookie}.json`)
    this.#groups = join(this.#folder, `${this.cookie}.groups`)
  }

  /** Call before the first child starts: from then on, whatever ends the engine ends its children. */
  prepare(): void {
    if (this.#reaper) return
    try {
      mkdirSync(this.#folder, { recursive: true })
      writeFileSync(this.#note, JSON.stringify({ engine: newOwner(), cookie: this.cookie } satisfies Note))
      // A file, not the pipe: telling the reaper of every child would wake it every time.
      this.#fd = openSync(this.#groups, 'a')
    } catch {
      // The reaper finds children by their cookie too.
    }
    this.#reaper = new Reaper(`${RUN_COOKIE}=${this.cookie}`, this.#groups)
  }

  /** Takes in a started child, which leads its own group; returns what forgets it. */
  add(pid: number): () => void {
    this.count++
    this.#write(`+${pid}\n`)
    return () => this.#write(`-${pid}\n`)
  }

  /** Ends what is left of all children, of which none runs any more. */
  async close(): Promise<void> {
    await this.stragglers.close()
    this.#reaper?.close()
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#note, { force: true })
    rmSync(this.#groups, { force: true })
  }

  #write(line: string): void {
    try {
      if (this.#fd !== undefined) writeSync(this.#fd, line)
    } catch {
      // A disk that is full is told of where outputs are written.
    }
  }
}

/** Ends the processes that carry the cookie of a run whose engine is dead, and tells which. */
export function sweepChildren(store: string): string[] {
  const folder = join(store, 'children')
  const cookies = new Set<string>()
  for (const name of namesIn(folder)) {
    if (!name.endsWith('.json')) continue
    const path = join(folder, name)
    const note = parseNote(read(path))
    if (note && vitality(note.engine) !== 'dead') continue
    rmSync(path, { recursive: true, force: true })
    rmSync(path.replace(/json$/, 'groups'), { force: true })
    if (note) cookies.add(note.cookie)
  }
  if (cookies.size === 0) return []
  return sweepByCookie(cookies)
}

function sweepByCookie(cookies: ReadonlySet<string>): string[] {
  const swept: string[] = []
  for (const name of namesIn('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const cookie = read(`/proc/${pid}/environ`)
      ?.split('\0')
      .find((entry) => entry.startsWith(`${RUN_COOKIE}=`))
    if (cookie && cookies.has(cookie.slice(RUN_COOKIE.length + 1)) && end(pid)) swept.push(`process ${pid}`)
  }
  return swept
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
