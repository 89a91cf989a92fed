import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { ProcessTree } from './process-tree.ts'

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
  /** How long what is asked to end may take before it is killed. */
  graceMs?: number
  /** Ends it. */
  signal: AbortSignal
}

const TIME = '/usr/bin/time'
const GRACE_MS = 5_000
/** Marks all processes of one call. */
const MARK = 'QUERYLOOM_BENCH_CALL'

/** Whether processor time and memory can be told. */
export const hasGnuTime: boolean = spawnSync(TIME, ['-f', '%M', 'true']).status === 0

/**
 * Calls a program and waits for its end. One that takes too long, or is interrupted, is asked to end and then killed, with
 * all that it started; what any leaves running is killed as well, so that nothing disturbs the next.
 */
export async function measure({
  argv,
  folder,
  environment,
  log,
  limitSeconds,
  graceMs = GRACE_MS,
  signal,
}: Call): Promise<Measured> {
  signal.throwIfAborted()
  const report = `${log}.time`
  rmSync(report, { force: true })
  const [program, ...args] = hasGnuTime ? [TIME, '-f', '%U %S %M', '-o', report, ...argv] : argv
  const output = openSync(log, 'a')
  try {
    const started = process.hrtime.bigint()
    const value = randomUUID()
    const child = spawn(program as string, args, {
      cwd: folder,
      env: { ...environment, [MARK]: value },
      stdio: ['ignore', output, output],
      detached: true,
    })
    const tree = new ProcessTree(child.pid ?? -1, `${MARK}=${value}`)
    let isLate = false
    let force: NodeJS.Timeout | undefined
    const end = (): void => {
      tree.signal('SIGTERM')
      if (!hasGnuTime) child.kill('SIGTERM')
      force = setTimeout(() => {
        tree.signal('SIGKILL')
        child.kill('SIGKILL')
      }, graceMs)
    }
    const limit = setTimeout(() => {
      isLate = true
      end()
    }, limitSeconds * 1000)
    signal.addEventListener('abort', end)
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => resolve(code ?? -1))
    }).finally(() => {
      clearTimeout(limit)
      clearTimeout(force)
      signal.removeEventListener('abort', end)
    })
    const wall = Number(process.hrtime.bigint() - started) / 1e9
    if (!(await tree.kill())) throw new Error(`${argv.join(' ')} has left processes that can't be killed`)
    signal.throwIfAborted()
    return { wall, ...(isLate ? {} : usage(report)), status: isLate ? 'limit' : status }
  } finally {
    closeSync(output)
  }
}

function usage(report: string): Pick<Measured, 'cpu' | 'peak'> {
  if (!hasGnuTime) return {}
  // A status other than 0 has a line of its own before.
  const last = readFileSync(report, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  const [user, system, kibibytes] = last.split(' ').map(Number)
  return { cpu: (user as number) + (system as number), peak: (kibibytes as number) * 1024 }
}
