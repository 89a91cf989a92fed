/** Starts processes in their own group; they end with the engine whatever happens to it. */
export interface ProcessRunner {
  start(request: ProcessRequest): RunningProcess
  /** Runs to the end; a status other than 0 is a `StageError` with the tail of the log. */
  run(request: ProcessRequest): Promise<ProcessResult>
}

export interface ProcessRequest {
  command: readonly [string, ...string[]]
  cwd?: string
  /** Added to the fixed environment. */
  env?: { readonly [name: string]: string }
  /** Engine tools (uv, pip) also see proxy, certificate and index settings. */
  network?: boolean
  /** Standard output and error go here, appended. */
  log: string
  /** Standard output goes here instead, if given. */
  stdout?: string
  timeoutMs?: number
  graceMs?: number
  signal?: AbortSignal
  /** What it is, for events and errors: `llama.cpp server`. */
  title: string
}

export interface ProcessResult {
  exitCode: number | null
  signal: string | null
  timedOut: boolean
}

export interface RunningProcess {
  readonly pid: number
  readonly log: string
  readonly ended: Promise<ProcessResult>
  /** TERM to the whole group, KILL after the grace time; resolves when all of it is gone. */
  stop(graceMs?: number): Promise<void>
}
