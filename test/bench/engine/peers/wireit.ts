import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, leavesOf, lineOf, type Task } from '../graph.ts'
import { oneFolder, type Peer, type Workspace } from './peer.ts'

/** wireit: one script a task in one package, started through npm as its users do. */
export const wireit: Peer = {
  name: 'wireit',
  programs: ['wireit', 'npm'],
  remembers: true,
  note: '`npm run`; no package locks as inputs',
  sourcePlaces: oneFolder.sourcePlaces,
  describe(graph, workspace) {
    mkdirSync(join(workspace.folder, 'out'), { recursive: true })
    writeFileSync(join(workspace.folder, 'package.json'), JSON.stringify(packageOf(graph, workspace)))
  },
  run: () => ['npm', 'run', '--silent', 'all'],
  environment: { WIREIT_LOGGER: 'quiet', WIREIT_CACHE: 'local' },
  outputOf: oneFolder.outputOf,
}

function packageOf(graph: Graph, workspace: Workspace): object {
  const ids = ['all', ...graph.tasks.map(({ id }) => id)]
  return {
    name: 'bench',
    private: true,
    scripts: Object.fromEntries(ids.map((id) => [id, 'wireit'])),
    wireit: {
      all: { dependencies: leavesOf(graph).map(({ id }) => id) },
      ...Object.fromEntries(graph.tasks.map((task) => [task.id, scriptOf(task, workspace)])),
    },
  }
}

function scriptOf(task: Task, { folder, counter }: Workspace): object {
  const input = oneFolder.inputOf(task)
  const output = oneFolder.outputOf(task)
  const isFolder = 'source' in task.input && statSync(join(folder, input)).isDirectory()
  return {
    command: lineOf(task, { input, output, counter }),
    files: 'task' in task.input ? [] : [isFolder ? `${input}/**` : input],
    output: [output],
    packageLocks: [],
    ...('task' in task.input ? { dependencies: [task.input.task] } : {}),
  }
}
