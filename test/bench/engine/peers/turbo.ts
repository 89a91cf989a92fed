import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Graph, lineOf, type Task } from '../graph.ts'
import type { Peer, Workspace } from './peer.ts'

const OUTPUT = 'out.txt'

/** Turborepo: one package of a workspace a task, in a git repository, with the lock file that npm would write. */
export const turbo: Peer = {
  name: 'Turborepo',
  programs: ['turbo', 'npm', 'git'],
  remembers: true,
  note: 'a package a task; starts npm for each',
  sourcePlaces: ({ tasks }) =>
    tasks.flatMap(({ id, input }) =>
      'source' in input ? [{ source: input.source, place: join(folderOf(id), input.source) }] : [],
    ),
  describe(graph, workspace) {
    const { folder } = workspace
    writeJson(join(folder, 'package.json'), {
      name: 'bench',
      private: true,
      packageManager: 'npm@10.0.0',
      workspaces: ['packages/*'],
    })
    writeJson(join(folder, 'package-lock.json'), lockOf(graph))
    writeJson(join(folder, 'turbo.json'), { tasks: { build: { dependsOn: ['^build'], outputs: [OUTPUT] } } })
    writeFileSync(join(folder, '.gitignore'), `node_modules\n.turbo\n${OUTPUT}\n`)
    for (const task of graph.tasks) {
      mkdirSync(join(folder, folderOf(task.id)), { recursive: true })
      writeJson(join(folder, folderOf(task.id), 'package.json'), packageOf(task, workspace))
    }
  },
  initialise: ['git', 'init', '--quiet'],
  run: ({ jobs }) => ['turbo', 'run', 'build', `--concurrency=${jobs}`, '--output-logs=none', '--no-daemon'],
  decide: () => ['turbo', 'run', 'build', '--dry=json', '--no-daemon'],
  environment: { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
  outputOf: ({ id }) => join(folderOf(id), OUTPUT),
}

function folderOf(id: string): string {
  return join('packages', id)
}

function packageOf(task: Task, { counter }: Workspace): object {
  const { id, input } = task
  const from = 'source' in input ? input.source : join('..', input.task, OUTPUT)
  return {
    name: id,
    version: '1.0.0',
    scripts: { build: lineOf(task, { input: from, output: OUTPUT, counter }) },
    ...dependenciesOf(task),
  }
}

function dependenciesOf({ input }: Task): object {
  return 'task' in input ? { dependencies: { [input.task]: '1.0.0' } } : {}
}

function lockOf({ tasks }: Graph): object {
  return {
    name: 'bench',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'bench', workspaces: ['packages/*'] },
      ...Object.fromEntries(
        tasks.flatMap((task) => [
          [join('node_modules', task.id), { resolved: folderOf(task.id), link: true }],
          [folderOf(task.id), { version: '1.0.0', ...dependenciesOf(task) }],
        ]),
      ),
    },
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value))
}
