import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../../../engine/util/package-root.ts'
import { lineOf } from '../graph.ts'
import { oneFolder, type Peer } from './peer.ts'

const PROGRAM = fileURLToPath(new URL('./execa-loop-program.mjs', import.meta.url))

/** The floor: the same commands, as many at once, started by execa, as it comes, in a loop that knows the order and nothing else. */
export const execaLoop: Peer = {
  name: 'execa loop',
  programs: ['node'],
  version: () => {
    const manifest = readFileSync(join(packageRoot, 'node_modules/execa/package.json'), 'utf8')
    return (JSON.parse(manifest) as { version: string }).version
  },
  remembers: false,
  note: 'remembers nothing; what everything else is divided by',
  sourcePlaces: oneFolder.sourcePlaces,
  describe({ tasks }, { folder, counter }) {
    mkdirSync(join(folder, 'out'), { recursive: true })
    const list = tasks.map((task) => ({
      id: task.id,
      after: 'task' in task.input ? task.input.task : undefined,
      line: lineOf(task, { input: oneFolder.inputOf(task), output: oneFolder.outputOf(task), counter }),
    }))
    writeFileSync(join(folder, 'tasks.json'), JSON.stringify(list))
  },
  run: ({ jobs }) => ['node', PROGRAM, 'tasks.json', String(jobs)],
  outputOf: oneFolder.outputOf,
}
