import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { RunEvent } from '../../engine/run/events.ts'
import { packageRoot } from '../../engine/util/package-root.ts'

const MAIN = join(packageRoot, 'dist/engine/cli/main.js')

/** How one command of queryloom ended. */
export interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

/** What a run with `--json` said. */
export interface RunReport extends Ended {
  events: RunEvent[]
  finished: Extract<RunEvent, { type: 'run-finished' }>
  /** Ids by how they ended. */
  executed: string[]
  restored: string[]
}

/** A folder with a pipeline in it, and queryloom called there as a user would call it. */
export class Project {
  folder: string
  readonly environment: { [name: string]: string }

  constructor(files: { readonly [path: string]: string }, environment: { [name: string]: string } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'queryloom-project-'))
    this.environment = environment
    for (const [path, text] of Object.entries(files)) this.write(path, text)
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  write(path: string, text: string): void {
    const target = join(this.folder, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
  }

  /** Starts a command without waiting for it; it leads a process group of its own. */
  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { ...process.env, NO_COLOR: '1', ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
  }

  async call(...args: string[]): Promise<Ended> {
    return ended(this.start(...args))
  }

  /** `run FILE --json` to its end. */
  async run(file: string, ...args: string[]): Promise<RunReport> {
    const result = await this.call('run', file, '--json', ...args)
    const events = parseEvents(result.stdout)
    const finished = events.at(-1)
    if (finished?.type !== 'run-finished') throw new Error(`the run said no end:\n${result.stdout}\n${result.stderr}`)
    const executed = events.flatMap((event) => (event.type === 'node-finished' ? [event.node as string] : []))
    const restored = events.flatMap((event) => (event.type === 'node-restored' ? [event.node as string] : []))
    return { ...result, events, finished, executed: executed.sort(), restored: restored.sort() }
  }

  /** What `COMMAND FILE --json` prints. */
  async json<Value>(command: string, file: string, ...args: string[]): Promise<Value> {
    const { stdout, stderr, status } = await this.call(command, file, '--json', ...args)
    if (stdout.trim() === '') throw new Error(`${command} printed nothing (status ${status}):\n${stderr}`)
    return JSON.parse(stdout) as Value
  }
}

/** Waits for a started command and gathers what it printed. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stdout, stderr }
}

/** Events of JSON Lines; a torn last line of a killed run is left out. */
function parseEvents(text: string): RunEvent[] {
  return text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as RunEvent] : []))
}
