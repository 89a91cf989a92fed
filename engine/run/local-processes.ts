import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ProcessRequest, ProcessResult, ProcessRunner, RunningProcess } from '../../stages/define.ts'
import { StageError } from '../../stages/define.ts'
import { logSize, logTail } from '../util/log-tail.ts'
import { childEnvironment } from './child-environment.ts'
import type { Children } from './children.ts'

/**
 * The command replaces the shell, so its pid leads the group. Beside it a watcher, handed to init so that the command
 * never sees it as its own child, blocks on a pipe from the engine: when that closes, however the engine ended, the
 * watcher kills the group and itself.
 */
const SHIM = `( ( trap '' TERM INT HUP; read -r _ <&3; kill -KILL 0 ) </dev/null >/dev/null 2>&1 & ) ; exec "$@" 3<&-`

const GRACE_MS = 10_000

/** Runs processes on this machine, each in a group of its own that ends with the engine whatever happens to it. */
export async function localProcesses(options: {
  run: string
  temporary: string
  children: Children
  declared?: { readonly [name: string]: string }
}): Promise<ProcessRunner> {
  const { execa } = await import('execa')

  const start = (request: ProcessRequest): RunningProcess => {
    mkdirSync(dirname(request.log), { recursive: true })
    const log = openSync(request.log, 'a')
    const stdout = request.stdout === undefined ? log : openSync(request.stdout, 'w')
    const subprocess = execa('/bin/sh', ['-c', SHIM, 'queryloom', ...request.command], {
      ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
      env: { ...childEnvironment({ ...options, network: request.network ?? false }), ...request.env },
      extendEnv: false,
      detached: true,
      cleanup: false,
      reject: false,
      buffer: false,
      // Any descriptor works; the types know those of this process's own streams only.
      stdio: ['ignore', stdout as 1, log as 2, 'pipe'],
    })
    closeSync(log)
    if (stdout !== log) closeSync(stdout)
    const pid = subprocess.pid
    const forget = pid === undefined ? () => {} : options.children.add(pid, request.title)
    let timedOut = false
    // Closing the pipe ends whatever the command left behind, and lets the promise below settle at once.
    subprocess.on('exit', () => (subprocess.stdio[3] as { destroy?(): void } | null)?.destroy?.())
    const signalGroup = (signal: NodeJS.Signals): void => {
      if (pid === undefined) return
      try {
        process.kill(-pid, signal)
      } catch {
        // The group is gone already.
      }
    }
    const stop = async (graceMs: number = request.graceMs ?? GRACE_MS): Promise<void> => {
      signalGroup('SIGTERM')
      const timer = setTimeout(() => signalGroup('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    }
    const timer =
      request.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            void stop()
          }, request.timeoutMs)
    const onAbort = (): void => void stop()
    const ended: Promise<ProcessResult> = (async () => {
      const result = await subprocess
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', onAbort)
      forget()
      if (pid === undefined) {
        const reason = (result as { originalMessage?: string }).originalMessage ?? 'unknown reason'
        throw new StageError(`${request.title} can't be started: ${reason}`)
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

function failureOf(request: ProcessRequest, result: ProcessResult): string {
  const how = result.timedOut
    ? `ran past its time limit of ${(request.timeoutMs ?? 0) / 1000} s`
    : result.signal !== null
      ? `was ended by ${result.signal}`
      : result.exitCode === 127
        ? 'was not found (exit status 127)'
        : `ended with exit status ${result.exitCode}`
  return `${request.title} ${how}: ${request.command.map(quoted).join(' ')}`
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
