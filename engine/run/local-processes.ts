import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ProcessRequest, ProcessResult, ProcessRunner, RunningProcess } from '../../stages/define.ts'
import { StageError } from '../../stages/define.ts'
import { logSize, logTail } from '../util/log-tail.ts'
import { redactor } from '../util/redactor.ts'
import { childEnvironment, networkSecrets } from './child-environment.ts'
import type { Children } from './children.ts'
import { redactedLog } from './redacted-log.ts'
import { type ChildEnd, startPiped, startPlain } from './start-child.ts'

const GRACE_MS = 10_000

/** The grace time of a kill: who presses Ctrl-C twice wants the end. */
const KILL_GRACE_MS = 1_000

/** A process runner that knows when all that it started is gone. */
export interface LocalProcesses extends ProcessRunner {
  /** Ends what its ended processes left behind, in whatever session; false if some of it can't be ended. */
  gone(): Promise<boolean>
}

/** Runs processes on this machine, each in a group of its own that ends with the engine whatever happens to it. */
export async function localProcesses(options: {
  temporary: string
  children: Children
  declared?: { readonly [name: string]: string }
  /** Values of its environment that must not come into its logs. */
  secrets?: readonly string[]
}): Promise<LocalProcesses> {
  const { children, secrets = [] } = options
  const execa = redactor([...secrets, ...networkSecrets()]) && (await import('execa')).execa
  const { stragglers } = children
  const names = new Set<string>()

  const start = (request: ProcessRequest): RunningProcess => {
    const log = openLog(request.log)
    const child = stragglers.name()
    names.add(child)
    const hidden = redactor([...secrets, ...(request.network ? networkSecrets() : [])])
    // Without a secret, the log itself is what the process writes to.
    const logged = hidden ? 'pipe' : log
    const stdout = request.stdout === undefined ? logged : openSync(request.stdout, 'w')
    children.prepare()
    const order = {
      command: request.command,
      cwd: request.cwd,
      env: {
        ...childEnvironment({ ...options, cookie: children.cookie, child, network: request.network ?? false }),
        ...request.env,
      },
      output: [stdout, logged] as const,
      // The group outlives its leader while anything of it runs: what a command leaves behind ends with it.
      onExit: () => {
        signalGroup('SIGKILL')
        over = true
        redacted?.processEnded()
      },
    }
    const { pid, pipes, ended: exited } = hidden && execa ? startPiped(execa, order) : startPlain(order)
    const redacted = hidden && redactedLog(pipes, log, hidden)
    if (!redacted) closeSync(log)
    if (typeof stdout === 'number' && stdout !== log) closeSync(stdout)
    const forget = pid === undefined ? () => {} : children.add(pid)
    let timedOut = false
    let over = pid === undefined
    const signalGroup = (signal: NodeJS.Signals): void => {
      if (pid === undefined || over) return
      try {
        process.kill(-pid, signal)
      } catch {
        // The group is gone already.
      }
    }
    const stop = async (graceMs: number = request.graceMs ?? GRACE_MS): Promise<void> => {
      signalGroup('SIGTERM')
      const timer = setTimeout(() => signalGroup('SIGKILL'), graceMs)
      // What never started has ended as well: whoever stops it learned of that when it was started.
      await ended.catch(() => {})
      clearTimeout(timer)
    }
    const timer =
      request.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            void stop()
          }, request.timeoutMs)
    const onAbort = (): void => {
      const isTimeout = (request.signal?.reason as Error | undefined)?.name === 'TimeoutError'
      void stop(isTimeout ? undefined : Math.min(request.graceMs ?? GRACE_MS, KILL_GRACE_MS))
    }
    const ended: Promise<ProcessResult> = (async () => {
      const result = await exited
      await redacted?.closed
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', onAbort)
      forget()
      stragglers.childEnded(child)
      if (pid === undefined) {
        throw startFailure(request, result)
      }
      return { exitCode: result.exitCode ?? null, signal: result.signal ?? null, timedOut }
    })()
    // Whoever never awaits the end (a server that is stopped by the run) must not turn it into an unhandled rejection.
    ended.catch(() => {})
    if (request.signal?.aborted) onAbort()
    else request.signal?.addEventListener('abort', onAbort, { once: true })
    return { pid: pid ?? -1, log: request.log, ended, stop }
  }

  return {
    start,
    gone: () => stragglers.gone(names),
    async run(request) {
      const from = logSize(request.log)
      const result = await start(request).ended
      request.signal?.throwIfAborted()
      if (result.exitCode === 0) return result
      throw new StageError(failureOf(request, result), {
        where: request.log,
        tail: logTail(request.log, from),
        transient: result.timedOut,
      })
    },
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, 'a')
  }
}

function failureOf(request: ProcessRequest, result: ProcessResult): string {
  const how = result.timedOut
    ? `ran past its time limit of ${(request.timeoutMs ?? 0) / 1000} s`
    : result.signal !== null
      ? `was ended by ${result.signal}`
      : `ended with exit status ${result.exitCode}`
  return `${request.title} ${how}: ${request.command.map(quoted).join(' ')}`
}

function startFailure(
  { title, command: [program], cwd }: ProcessRequest,
  { code, originalMessage }: ChildEnd,
): StageError {
  // A folder that is gone is told like a program that is not there.
  if (code === 'ENOENT' && existsSync(cwd ?? '.'))
    return new StageError(`${title} can't be started: the program ${program} was not found`, {
      advice: 'Install it, or give its full path.',
    })
  if (code === 'EACCES')
    return new StageError(`${title} can't be started: ${program} is not executable`, {
      advice: `Make it executable: chmod +x ${program}`,
    })
  return new StageError(`${title} can't be started: ${originalMessage ?? code ?? 'unknown reason'}`, {
    transient: code === 'EAGAIN' || code === 'EMFILE' || code === 'ENOMEM',
  })
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
