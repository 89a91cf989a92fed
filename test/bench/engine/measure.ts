import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'

/** What one call of a program took. */
export interface Measured {
  /** Seconds from before it was started to after it had ended. */
  wall: number
  /** Seconds of processors, of it and all that it waited for; only where GNU time is there. */
  cpu?: number
  /** Bytes in memory of its largest process at their most; only where GNU time is there. */
  peak?: number
  /** Its exit status, or `limit` if it was ended for taking too long. */
  status: number | 'limit'
}

/** How a program is called. */
export interface Call {
  argv: readonly string[]
  folder: string
  environment: NodeJS.ProcessEnv
  /** The file that takes what it prints. */
  log: string
  limitSeconds: number
  /** Ends it. */
  signal: AbortSignal
}

const TIME = '/usr/bin/time'
const GRACE_MS = 5_000

/** Whether processor time and memory can be told. */
export const hasGnuTime: boolean = spawnSync(TIME, ['-f', '%M', 'true']).status === 0

/** Calls a program and waits for its end. It leads a process group, so that all of it can be ended. */
export async function measure({ argv, folder, environment, log, limitSeconds, signal }: Call): Promise<Measured> {
  signal.throwIfAborted()
  const report = `${log}.time`
  rmSync(report, { force: true })
  const [program, ...args] = hasGnuTime ? [TIME, '-f', '%U %S %M', '-o', report, ...argv] : argv
  const output = openSync(log, 'a')
  try {
    const started = process.hrtime.bigint()
    const child = spawn(program as string, args, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', output, output],
      detached: true,
    })
    const end = endingGroup(child.pid)
    let isLate = false
    const limit = setTimeout(() => {
      isLate = true
      end.now()
    }, limitSeconds * 1000)
    signal.addEventListener('abort', end.now)
    try {
      const status = await new Promise<number>((resolve, reject) => {
        child.on('error', reject)
        child.on('exit', (code) => resolve(code ?? -1))
      })
      const wall = Number(process.hrtime.bigint() - started) / 1e9
      signal.throwIfAborted()
      return { wall, ...(isLate ? {} : usage(report)), status: isLate ? 'limit' : status }
    } finally {
      clearTimeout(limit)
      end.done()
      signal.removeEventListener('abort', end.now)
    }
  } finally {
    closeSync(output)
  }
}

/** Ends a process group: it may clear up (some peers end their children only if asked), but not for long. */
function endingGroup(pid: number | undefined): { now: () => void; done: () => void } {
  let force: NodeJS.Timeout | undefined
  const send = (name: NodeJS.Signals): void => {
    try {
      if (pid !== undefined) process.kill(-pid, name)
    } catch {
      // It has ended.
    }
  }
  return {
    now: () => {
      send('SIGTERM')
      force = setTimeout(() => send('SIGKILL'), GRACE_MS)
    },
    done: () => {
      clearTimeout(force)
      if (force) send('SIGKILL')
    },
  }
}

function usage(report: string): Pick<Measured, 'cpu' | 'peak'> {
  if (!hasGnuTime) return {}
  // A status other than 0 has a line of its own before.
  const last = readFileSync(report, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  const [user, system, kibibytes] = last.split(' ').map(Number)
  return { cpu: (user as number) + (system as number), peak: (kibibytes as number) * 1024 }
}
