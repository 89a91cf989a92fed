import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, lineOf } from '../graph.ts'
import { oneFolder, type Peer, type Workspace } from './peer.ts'

/** DVC: one stage a task, outside of git, which is how it is quickest. */
export const dvc: Peer = {
  name: 'DVC',
  programs: ['dvc'],
  remembers: true,
  note: 'one command at a time; without git',
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    mkdirSync(join(workspace.folder, 'out'), { recursive: true })
    writeFileSync(join(workspace.folder, 'dvc.yaml'), pipelineOf(graph, workspace))
  },
  initialise: ['dvc', 'init', '--no-scm', '--quiet'],
  run: () => ['dvc', 'repro', '--quiet'],
  decide: () => ['dvc', 'status', '--quiet'],
  environment: { DVC_NO_ANALYTICS: '1' },
  outputOf: oneFolder.outputOf,
}

function pipelineOf({ tasks }: Graph, { counter }: Workspace): string {
  const stages = tasks.map((task) => {
    const [input, output] = [oneFolder.inputOf(task), oneFolder.outputOf(task)]
    return `  ${task.id}: ${JSON.stringify({ cmd: lineOf(task, { input, output, counter }), deps: [input], outs: [output] })}`
  })
  return `stages:\n${stages.join('\n')}\n`
}
