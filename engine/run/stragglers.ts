import { closeSync, openSync, readSync } from 'node:fs'
import { freshNonce } from '../../cache/durable.ts'
import { namesIn } from '../util/names-in.ts'
import { CHILD_COOKIE } from './child-environment.ts'

/** What ended children left is looked for so long after the first of them: one look at all processes for many. */
const SWEEP_MS = 1_000
/** A process that does not go within this time after SIGKILL hangs in the kernel. */
const UNKILLABLE_MS = 10_000

/** Ends what children leave behind in sessions of their own: all that a child starts carries its name. */
export class Stragglers {
  readonly #nonce: string = freshNonce()
  #named = 0
  /** Children that have ended, and whose stragglers were not looked for yet. */
  readonly #ended = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<unknown> = Promise.resolve()

  /** A name for a child that is about to start. */
  name(): string {
    return `${this.#nonce}-${++this.#named}`
  }

  /** Has what this child left ended soon. */
  childEnded(name: string): void {
    this.#ended.add(name)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#sweeping = Promise.all([this.#sweeping, this.gone(new Set(this.#ended))])
    }, SWEEP_MS).unref()
  }

  /** Ends all that carries these names, now; false if some of it can't be ended. */
  async gone(names: ReadonlySet<string>): Promise<boolean> {
    const deadline = performance.now() + UNKILLABLE_MS
    for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, 200)) {
      const left = carriersOf(names)
      for (const name of names) this.#ended.delete(name)
      if (left.length === 0) return true
      for (const pid of left) kill(pid)
      if (performance.now() > deadline) return false
      // Nothing tells of the end of a process that is no child of ours.
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** Ends what is left of all children that have ended. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#sweeping
    if (this.#ended.size > 0) await this.gone(new Set(this.#ended))
  }
}

// Of a zombie no environment can be read any more.
function carriersOf(names: ReadonlySet<string>): number[] {
  if (names.size === 0) return []
  return namesIn('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    const cookie = environOf(pid)
      .split('\0')
      .find((variable) => variable.startsWith(`${CHILD_COOKIE}=`))
    return cookie !== undefined && names.has(cookie.slice(CHILD_COOKIE.length + 1)) ? [pid] : []
  })
}

let environ = Buffer.alloc(1 << 16)

function environOf(pid: number): string {
  let fd: number
  try {
    fd = openSync(`/proc/${pid}/environ`, 'r')
  } catch {
    return ''
  }
  try {
    // Of what there is no size, `readFileSync` reads piece after piece into buffers that it makes for each.
    let length = 0
    for (let got = -1; got !== 0; length += got) {
      if (length === environ.length) environ = Buffer.concat([environ], 2 * length)
      got = readSync(fd, environ, length, environ.length - length, null)
    }
    const text = environ.subarray(0, length)
    return text.includes(CHILD_COOKIE) ? text.toString('latin1') : ''
  } catch {
    return ''
  } finally {
    closeSync(fd)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
