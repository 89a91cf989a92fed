import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '../../../../engine/run/events.ts'
import { engineVersion } from '../../../../engine/util/engine-version.ts'
import { packageRoot } from '../../../../engine/util/package-root.ts'
import { type Graph, lineOf, type Task } from '../graph.ts'
import { type OwnCounts, oneFolder, type Peer, type Workspace } from './peer.ts'

/** The engine's command line, as it was built. */
export const MAIN: string = join(packageRoot, 'dist/engine/cli/main.js')
const FILE = 'bench.yaml'
const INPUT = 'in'
const OUTPUT = 'out.txt'

/** This engine, as built into `dist/`: every task is a stage of type `command`, a sweep is a sweep. */
export const queryloom: Peer = {
  name: 'queryloom',
  programs: ['node'],
  version: engineVersion,
  remembers: true,
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    writeFileSync(join(workspace.folder, FILE), pipelineOf(graph, workspace))
  },
  run: ({ jobs }) => ['node', MAIN, 'run', FILE, '-j', String(jobs), '--quiet'],
  decide: () => ['node', MAIN, 'status', FILE, '--quiet'],
  outputOf: (task) => `out/bench/${nodeOf(task)}/out/${OUTPUT}`,
  ownCounts,
}

function pipelineOf({ tasks }: Graph, { counter }: Workspace): string {
  const axes = new Map<string, number[]>()
  const stages = new Map<string, string>()
  for (const task of tasks) {
    const { variant } = task
    if (variant) axes.set(variant.axis, [...(axes.get(variant.axis) ?? []), variant.value])
    const name = variant?.stage ?? task.id
    if (!stages.has(name)) stages.set(name, `  ${name}: ${stageOf(task, counter)}`)
  }
  const lines = ['version: 1', 'name: bench']
  if (axes.size > 0) {
    lines.push('params:', ...[...axes].map(([axis, [first]]) => `  ${axis}: ${first}`))
    lines.push('sweep:', '  axes:', ...[...axes].map(([axis, values]) => `    ${axis}: [${values.join(', ')}]`))
  }
  return `${[...lines, 'stages:', ...stages.values()].join('\n')}\n`
}

function stageOf(task: Task, counter: string): string {
  const { input, variant } = task
  const label = variant ? `${variant.stage}-\${params.${variant.axis}}` : task.id
  const run = lineOf(task, { input: INPUT, output: OUTPUT, counter, label })
  const from = 'source' in input ? `in/${input.source}` : `\${stages.${input.task}.out}`
  // A text in the form of JSON is a text of YAML as well.
  const options = { run, inputs: { [INPUT]: from }, outputs: { out: OUTPUT } }
  return JSON.stringify({ uses: 'command', with: options })
}

function nodeOf({ id, variant }: Task): string {
  return variant ? `${variant.stage}[${variant.axis}=${variant.value}]` : id
}

function ownCounts({ folder }: Workspace): OwnCounts | undefined {
  const runs = join(folder, '.queryloom/runs')
  // Names of runs tell seconds, and more than one fits into one.
  const newest = readdirSync(runs)
    .map((run) => join(runs, run, 'events.jsonl'))
    .map((file) => ({ file, at: statSync(file, { bigint: true }).mtimeNs }))
    .reduce((last, next) => (next.at > last.at ? next : last)).file
  const last = readFileSync(newest, 'utf8').trimEnd().split('\n').at(-1) as string
  const event = JSON.parse(last) as RunEvent
  return event.type === 'run-finished' ? { children: event.children, bytesHashed: event.bytes_hashed } : undefined
}
