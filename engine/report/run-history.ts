import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { parseOwner, vitality } from '../../cache/owner.ts'
import type { RunEvent, RunStatus } from '../run/events.ts'
import { OWNER_FILE } from '../run/run-folder.ts'

/** One run as the two ends of its journal tell it. */
export interface PastRun {
  run: string
  folder: string
  /** Milliseconds since the epoch. */
  startedAt: number
  /** Null if the journal ends before it says so. */
  pipeline: string | null
  file: string | null
  /** `crashed`: it has no end, and nobody carries it out. `unknown`: somebody on another machine may. */
  status: RunStatus | 'running' | 'crashed' | 'unknown'
  finished: Extract<RunEvent, { type: 'run-finished' }> | null
}

/** Long enough for the first event, and for the last one of a run that came to its end. */
const END_BYTES = 8_192

/**
 * The runs of a store, newest first. Of a journal only the two ends are read, and of older runs nothing before they are
 * asked for; a torn or missing journal is a run without an end.
 */
export function* runHistory(store: string): Generator<PastRun> {
  const folder = join(store, 'runs')
  const names = list(folder)
    .filter((name) => /^\d{8}T\d{6}-/.test(name))
    .sort()
    .reverse()
  // Names tell the second; within it the journals tell more.
  for (let at = 0; at < names.length; ) {
    const second = secondOf(names[at] as string)
    const runs: PastRun[] = []
    for (; at < names.length && secondOf(names[at] as string) === second; at++) {
      runs.push(readRun(names[at] as string, join(folder, names[at] as string)))
    }
    yield* runs.sort((a, b) => b.startedAt - a.startedAt || (a.run < b.run ? 1 : -1))
  }
}

/** Whether a run was one of this pipeline file, also where the project has been moved since. `path` is relative to the root. */
export function isRunOf(run: PastRun, file: string, path: string): boolean {
  return run.file === file || (run.file?.endsWith(`/${path}`) ?? false)
}

/** Events of a run that name a node, in their order; lines that are torn or damaged are left out. */
export function eventsOf(run: PastRun, node: string): RunEvent[] {
  let text: string
  try {
    text = readFileSync(journalOf(run.folder), 'utf8')
  } catch {
    return []
  }
  const mark = `"node":${JSON.stringify(node)}`
  if (!text.includes(mark)) return []
  return text.split('\n').flatMap((line) => {
    const event = line.includes(mark) ? parseEvent(line) : undefined
    return event && 'node' in event && event.node === node ? [event] : []
  })
}

function readRun(run: string, folder: string): PastRun {
  const { head, tail } = endsOf(journalOf(folder))
  const first = parseEvent(head.split('\n', 1)[0] ?? '')
  const started = first?.type === 'run-started' ? first : undefined
  const last = parseEvent(tail.trimEnd().split('\n').at(-1) ?? '')
  const finished = last?.type === 'run-finished' ? last : null
  return {
    run,
    folder,
    startedAt: started?.at ?? timeOf(run),
    pipeline: started?.pipeline ?? null,
    file: started?.file ?? null,
    status: finished ? finished.status : statusWithoutEnd(folder),
    finished,
  }
}

function statusWithoutEnd(folder: string): PastRun['status'] {
  let owner: ReturnType<typeof parseOwner>
  try {
    owner = parseOwner(readFileSync(join(folder, OWNER_FILE), 'utf8'))
  } catch {
    return 'crashed'
  }
  if (!owner) return 'crashed'
  const state = vitality(owner)
  return state === 'alive' ? 'running' : state === 'dead' ? 'crashed' : 'unknown'
}

function endsOf(path: string): { head: string; tail: string } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return { head: '', tail: '' }
  }
  try {
    const { size } = fstatSync(file)
    const read = (from: number): string => {
      const bytes = Buffer.alloc(Math.min(END_BYTES, size - from))
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, from))
    }
    const head = read(0)
    return { head, tail: size <= END_BYTES ? head : read(size - END_BYTES) }
  } finally {
    closeSync(file)
  }
}

function parseEvent(line: string): RunEvent | undefined {
  try {
    const event = JSON.parse(line) as RunEvent | null
    return typeof event?.type === 'string' ? event : undefined
  } catch {
    return undefined
  }
}

function secondOf(name: string): string {
  return name.slice(0, 'YYYYMMDDTHHMMSS'.length)
}

function timeOf(run: string): number {
  const iso = run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*$/, '$1-$2-$3T$4:$5:$6Z')
  return Date.parse(iso) || 0
}

function journalOf(folder: string): string {
  return join(folder, 'events.jsonl')
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
