import { readdirSync, readFileSync } from 'node:fs'

/** A process that is alive. */
interface Process {
  pid: number
  parent: number
  /** With the number it names one process for ever. */
  started: string
}

const PAUSE_MS = 20
/** A process that does not go within this time after SIGKILL hangs in the kernel. */
const UNKILLABLE_MS = 10_000

/**
 * A program and all that it starts, in whatever group or session: what is below it, and what carries its mark, a
 * variable `NAME=VALUE` of its environment. Some programs hide their variables from their children, some children
 * outlive their parents: whatever was seen once stays known.
 */
export class ProcessTree {
  readonly #root: number
  readonly #mark: string
  readonly #seen = new Map<number, string>()

  constructor(root: number, mark: string) {
    this.#root = root
    this.#mark = mark
  }

  /** Sends a signal to all of it but the root, which can be a program that only measures; returns how many there are. */
  signal(name: NodeJS.Signals): number {
    let count = 0
    for (const { pid } of this.#below()) {
      try {
        process.kill(pid, name)
        count++
      } catch {
        // It has ended.
      }
    }
    return count
  }

  /** Kills what is left of it; false if some of it can't be killed. */
  async kill(): Promise<boolean> {
    for (const deadline = performance.now() + UNKILLABLE_MS; this.signal('SIGKILL') > 0; ) {
      if (performance.now() > deadline) return false
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    return true
  }

  #below(): Process[] {
    const all = alive()
    const children = new Map<number, Process[]>()
    for (const one of all) children.set(one.parent, [...(children.get(one.parent) ?? []), one])
    const open = all.filter(({ pid, started }) => this.#seen.get(pid) === started || this.#carriesMark(pid))
    open.push(...(children.get(this.#root) ?? []))
    const found = new Map<number, Process>()
    for (let next = open.pop(); next; next = open.pop()) {
      if (next.pid === this.#root || found.has(next.pid)) continue
      found.set(next.pid, next)
      this.#seen.set(next.pid, next.started)
      open.push(...(children.get(next.pid) ?? []))
    }
    return [...found.values()]
  }

  #carriesMark(pid: number): boolean {
    return `\0${read(`/proc/${pid}/environ`)}`.includes(`\0${this.#mark}\0`)
  }
}

function alive(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^[0-9]+$/.test(name)) return []
    const stat = read(`/proc/${name}/stat`)
    // The name of the program, in brackets, may hold anything.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (parent === undefined || state === 'Z' || state === 'X') return []
    return [{ pid: Number(name), parent: Number(parent), started: rest[17] as string }]
  })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
