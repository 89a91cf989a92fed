import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, sourcesOf, type Task } from '../graph.ts'

/** Where a peer works, and how. */
export interface Workspace {
  /** Its own folder, empty at first. */
  folder: string
  /** How many commands may run at once. */
  jobs: number
  /** The file that executed commands add their names to. */
  counter: string
}

/** What a peer says itself of its newest run. */
export interface OwnCounts {
  children: number
  bytesHashed: number
}

/** A program that executes graphs. */
export interface Peer {
  name: string
  /** The programs that must be there; the first is what it is known by. */
  programs: readonly string[]
  /** Its version, where its first program does not tell. */
  version?(): string
  /** Whether a second run uses what the first has done. */
  remembers: boolean
  /** Says for the table how it is used, where that is not plain. */
  note?: string
  /** Where the sources go, relative to its folder; they are put there before `describe`. */
  sourcePlaces(graph: Graph): { source: string; place: string }[]
  /** Writes the graph in the peer's own language; again when the graph has changed. */
  describe(graph: Graph, workspace: Workspace): void
  /** A command that must have been called once before the first run, and is not timed. */
  initialise?: readonly string[]
  /** The command that brings everything up to date. */
  run(workspace: Workspace): readonly string[]
  /** The command that says whether anything is to be done, and executes nothing. */
  decide?(workspace: Workspace): readonly string[]
  /** Its variables, beside those of the harness. */
  environment?: { readonly [name: string]: string }
  /** Where the output of a task that nobody reads is to be found, relative to its folder. */
  outputOf(task: Task): string
  ownCounts?(workspace: Workspace): OwnCounts | undefined
}

/** Where inputs and outputs are for peers that work in one folder: sources under `in/`, outputs under `out/`. */
export const oneFolder: Pick<Peer, 'sourcePlaces' | 'outputOf'> & { inputOf(task: Task): string } = {
  sourcePlaces: (graph) => sourcesOf(graph).map((source) => ({ source, place: join('in', source) })),
  outputOf: ({ id }) => outputPath(id),
  inputOf: ({ input }) => ('source' in input ? `in/${input.source}` : outputPath(input.task)),
}

function outputPath(id: string): string {
  return `out/${id}.txt`
}

/** The files that a task reads in one folder: for those who can't name a folder, all that is in it. */
export function filesRead(task: Task, { folder }: Workspace): string[] {
  const input = oneFolder.inputOf(task)
  if ('task' in task.input || !statSync(join(folder, input)).isDirectory()) return [input]
  return readdirSync(join(folder, input))
    .sort()
    .map((name) => join(input, name))
}
