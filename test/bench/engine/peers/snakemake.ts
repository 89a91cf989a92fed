import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, leavesOf, lineOf } from '../graph.ts'
import { filesRead, oneFolder, type Peer, type Workspace } from './peer.ts'

const TASKS = 'tasks.json'

/** One rule for all tasks, as its users write it; for 60 tasks a rule each took as long. */
const SNAKEFILE = `import json

with open("${TASKS}") as file:
    tasks = json.load(file)

rule all:
    input: tasks["leaves"]

rule task:
    output: "out/{id}.txt"
    input: lambda wildcards: tasks["inputs"][wildcards.id]
    params: line=lambda wildcards: tasks["lines"][wildcards.id]
    shell: "{params.line}"
`

/** Snakemake: one rule whose inputs and line are looked up by the name of the task. */
export const snakemake: Peer = {
  name: 'Snakemake',
  programs: ['snakemake'],
  remembers: true,
  note: 'one rule for all tasks',
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    mkdirSync(join(workspace.folder, 'out'), { recursive: true })
    writeFileSync(join(workspace.folder, 'Snakefile'), SNAKEFILE)
    writeFileSync(join(workspace.folder, TASKS), JSON.stringify(tasksOf(graph, workspace)))
  },
  // `--quiet all` keeps errors to itself, too.
  run: ({ jobs }) => ['snakemake', '--cores', String(jobs), '--quiet', 'progress', 'rules', 'reason', 'host'],
  decide: () => ['snakemake', '--quiet', 'all', '-n'],
  outputOf: oneFolder.outputOf,
}

function tasksOf(graph: Graph, workspace: Workspace): object {
  const { tasks } = graph
  return {
    leaves: leavesOf(graph).map(oneFolder.outputOf),
    inputs: Object.fromEntries(tasks.map((task) => [task.id, filesRead(task, workspace)])),
    lines: Object.fromEntries(
      tasks.map((task) => [
        task.id,
        lineOf(task, {
          input: oneFolder.inputOf(task),
          output: oneFolder.outputOf(task),
          counter: workspace.counter,
        }),
      ]),
    ),
  }
}
