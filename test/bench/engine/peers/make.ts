import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, leavesOf, lineOf } from '../graph.ts'
import { filesRead, oneFolder, type Peer, type Workspace } from './peer.ts'

/** GNU make: one rule a task. */
export const make: Peer = {
  name: 'make',
  programs: ['make'],
  remembers: true,
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    mkdirSync(join(workspace.folder, 'out'), { recursive: true })
    writeFileSync(join(workspace.folder, 'Makefile'), makefileOf(graph, workspace))
  },
  run: ({ jobs }) => ['make', '-s', `-j${jobs}`],
  decide: () => ['make', '-q'],
  outputOf: oneFolder.outputOf,
}

function makefileOf(graph: Graph, workspace: Workspace): string {
  const rules = graph.tasks.map((task) => {
    const output = oneFolder.outputOf(task)
    const line = lineOf(task, { input: oneFolder.inputOf(task), output, counter: workspace.counter })
    return `${output}: ${filesRead(task, workspace).join(' ')}\n\t@${line.replaceAll('$', '$$$$')}\n`
  })
  return [`.PHONY: all\nall: ${leavesOf(graph).map(oneFolder.outputOf).join(' ')}\n`, ...rules].join('\n')
}
