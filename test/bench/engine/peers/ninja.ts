import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, lineOf } from '../graph.ts'
import { filesRead, oneFolder, type Peer, type Workspace } from './peer.ts'

/** Ninja: one build statement a task, all by one rule. */
export const ninja: Peer = {
  name: 'ninja',
  programs: ['ninja'],
  remembers: true,
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    mkdirSync(join(workspace.folder, 'out'), { recursive: true })
    writeFileSync(join(workspace.folder, 'build.ninja'), manifestOf(graph, workspace))
  },
  run: ({ jobs }) => ['ninja', '--quiet', '-j', String(jobs)],
  decide: () => ['ninja', '--quiet', '-n'],
  outputOf: oneFolder.outputOf,
}

function manifestOf({ tasks }: Graph, workspace: Workspace): string {
  const statements = tasks.map((task) => {
    const output = oneFolder.outputOf(task)
    const line = lineOf(task, { input: oneFolder.inputOf(task), output, counter: workspace.counter })
    return `build ${output}: run ${filesRead(task, workspace).join(' ')}\n  line = ${line.replaceAll('$', '$$$$')}\n`
  })
  return ['rule run\n  command = $line\n', ...statements].join('\n')
}
