import { type SpawnOptions, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

/** How a process is started. It leads a group of its own, and reads nothing. */
export interface ChildRequest {
  command: readonly [string, ...string[]]
  cwd?: string | undefined
  env: { readonly [name: string]: string }
  /** Where standard output and error go: descriptors, or pipes that are read here. */
  output: readonly [stdout: number | 'pipe', stderr: number | 'pipe']
  /** Called as soon as it has ended. */
  onExit(): void
}

/** How a process ended. */
export interface ChildEnd {
  exitCode?: number | undefined
  signal?: string | undefined
  /** Why it could not be started. */
  code?: string | undefined
  originalMessage?: string | undefined
}

/** A process; without a `pid`, it could not be started. */
export interface StartedChild {
  pid: number | undefined
  pipes: readonly Readable[]
  /** Never rejects. */
  ended: Promise<ChildEnd>
}

type Execa = typeof import('execa')['execa']

/** Starts a process with execa, which cares for its pipes. */
export function startPiped(execa: Execa, { command, cwd, env, output, onExit }: ChildRequest): StartedChild {
  const [program, ...words] = command
  const subprocess = execa(program, words, {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    // Any descriptor works; the types know those of this process's own streams only.
    stdio: ['ignore', output[0] as 1, output[1] as 2],
  })
  subprocess.on('exit', onExit)
  const pipes = [subprocess.stdout, subprocess.stderr].filter((pipe) => pipe !== null)
  return { pid: subprocess.pid, pipes, ended: subprocess }
}

/** Starts a process that has no pipes, for which execa would take longer than the kernel does. */
export function startPlain({ command, cwd, env, output, onExit }: ChildRequest): StartedChild {
  const [program, ...words] = command
  const options: SpawnOptions = {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    detached: true,
    stdio: ['ignore', ...output],
  }
  let resolve: (end: ChildEnd) => void = () => {}
  const ended = new Promise<ChildEnd>((given) => {
    resolve = given
  })
  const failed = ({ code, message }: NodeJS.ErrnoException): void => resolve({ code, originalMessage: message })
  try {
    const child = spawn(program, words, options)
    child.on('error', failed)
    child.on('exit', (exitCode, signal) => {
      onExit()
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined })
    })
    return { pid: child.pid, pipes: [], ended }
  } catch (error) {
    // Such as arguments that are too long.
    failed(error as NodeJS.ErrnoException)
    return { pid: undefined, pipes: [], ended }
  }
}
