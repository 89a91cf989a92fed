import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { temporaryFolder } from '../../rig/temporary.ts'
import { type Case, caseOf } from './cases.ts'
import { type Graph, leavesOf } from './graph.ts'
import { readOptions } from './options.ts'
import { PEERS } from './peers/all.ts'
import { execaLoop } from './peers/execa-loop.ts'
import type { Peer } from './peers/peer.ts'
import { queryloom } from './peers/queryloom.ts'
import { measureCase, type RoundsOptions, type Sample } from './rounds.ts'
import { Sources } from './sources.ts'
import { failureIn, rowsOf } from './table.ts'
import { benchEnvironment } from './tools.ts'

const SIZES = ['lanes:20', 'big:1', 'files:30', 'sweep:5']
const small = (name: string): Case => caseOf(name) as Case

function options(more: Partial<RoundsOptions> = {}): RoundsOptions {
  const folder = temporaryFolder()
  return {
    rounds: 1,
    jobs: 2,
    limitSeconds: 60,
    settleMs: 0,
    folder,
    environment: benchEnvironment(join(folder, 'home')),
    signal: new AbortController().signal,
    onSample: () => {},
    onFailure: () => {},
    ...more,
  }
}

test.each(SIZES)(
  '%s: queryloom and the loop leave what the commands make of the sources, and queryloom executes the least',
  async (name) => {
    // That nothing is to be done is asked once: it takes a process each time.
    const one = { ...small(name), phases: small(name).phases.filter(({ decides }) => !decides || name === SIZES[0]) }
    const samples = await measureCase(one, [queryloom, execaLoop], options())
    const ofQueryloom = samples.filter(({ peer }) => peer === queryloom.name)
    expect(ofQueryloom.map(({ phase, executed, outcome }) => ({ phase, executed, outcome }))).toEqual(
      one.phases.map(({ name, least }) => ({ phase: name, executed: least, outcome: 'ok' })),
    )
    const [loop] = samples.filter(({ peer }) => peer === execaLoop.name)
    expect(loop).toMatchObject({ executed: one.graph.tasks.length, outcome: 'ok' })
    for (const { children, executed } of ofQueryloom) if (children !== undefined) expect(children).toBe(executed)
  },
)

type Edges = [reader: string, read: string][]
interface Wireit {
  wireit: { [id: string]: { dependencies?: string[]; files?: string[] } }
}
interface Dvc {
  stages: { [id: string]: { deps: string[] } }
}
interface Queryloom {
  stages: { [id: string]: { with: { inputs: { in: string } } } }
}

const fileName = (path: string): string => /([^/]+?)(\.txt)?(\/\*\*)?$/.exec(path)?.[1] as string
const edgesOf = (of: { [id: string]: readonly string[] }): Edges =>
  Object.entries(of).flatMap(([reader, read]) => read.map((one): [string, string] => [reader, fileName(one)]))

/** How the graph is read back from what each peer was given. */
const READERS: { [peer: string]: (text: (name: string) => string, graph: Graph) => Edges } = {
  queryloom: (text) => {
    const { stages } = parse(text('bench.yaml')) as Queryloom
    const read = (written: string): string => /^\$\{stages\.(.*)\.out\}$/.exec(written)?.[1] ?? written
    return edgesOf(
      Object.fromEntries(
        Object.entries(stages).map(
          ([
            id,
            {
              with: { inputs },
            },
          ]) => [id, [read(inputs.in)]],
        ),
      ),
    )
  },
  'execa loop': (text, { tasks }) => {
    const list = JSON.parse(text('tasks.json')) as { id: string; after?: string }[]
    const sources = new Map(tasks.map(({ id, input }) => [id, 'source' in input ? input.source : undefined]))
    return edgesOf(Object.fromEntries(list.map(({ id, after }) => [id, [after ?? (sources.get(id) as string)]])))
  },
  make: (text) => listed(text('Makefile'), /^out\/(\S+)\.txt: (.*)$/gm),
  ninja: (text) => listed(text('build.ninja'), /^build out\/(\S+)\.txt: run (.*)$/gm),
  wireit: (text) => {
    const { all, ...scripts } = (JSON.parse(text('package.json')) as Wireit).wireit
    return edgesOf(
      Object.fromEntries(
        Object.entries(scripts).map(([id, { dependencies = [], files = [] }]) => [id, [...dependencies, ...files]]),
      ),
    )
  },
  Turborepo: (text, { tasks }) =>
    edgesOf(
      Object.fromEntries(
        tasks.map(({ id, input }) => {
          const { dependencies } = JSON.parse(text(`packages/${id}/package.json`)) as { dependencies?: object }
          return [id, dependencies ? Object.keys(dependencies) : 'source' in input ? [input.source] : []]
        }),
      ),
    ),
  Snakemake: (text) => edgesOf((JSON.parse(text('tasks.json')) as { inputs: { [id: string]: string[] } }).inputs),
  DVC: (text) => {
    const { stages } = parse(text('dvc.yaml')) as Dvc
    return edgesOf(Object.fromEntries(Object.entries(stages).map(([id, { deps }]) => [id, deps])))
  },
}

function listed(text: string, line: RegExp): Edges {
  return edgesOf(
    Object.fromEntries([...text.matchAll(line)].map(([, id, read]) => [id as string, (read as string).split(' ')])),
  )
}

test.each(PEERS.map((peer) => [peer.name, peer] as const))(
  '%s is given every edge of the graph and no other',
  (name, peer) => {
    for (const size of ['lanes:20', 'sweep:5']) {
      const { graph, makeSources } = small(size)
      const folder = temporaryFolder()
      const sources = new Sources(join(folder, 'sources'))
      makeSources(sources)
      mkdirSync(join(folder, 'own'))
      for (const { source, place } of peer.sourcePlaces(graph)) sources.link(source, join(folder, 'own', place))
      peer.describe(graph, { folder: join(folder, 'own'), jobs: 2, counter: '/counter' })
      const edges = READERS[name]?.((file) => readFileSync(join(folder, 'own', file), 'utf8'), graph)
      // A sweep is one stage of queryloom, whose variants the engine makes.
      const nameOf = new Map(graph.tasks.map(({ id, variant }) => [id, (peer === queryloom && variant?.stage) || id]))
      const wanted = new Set(
        graph.tasks.map(({ id, input }) =>
          JSON.stringify([nameOf.get(id), 'source' in input ? fileName(input.source) : nameOf.get(input.task)]),
        ),
      )
      expect(edges?.map((edge) => JSON.stringify(edge)).sort()).toEqual([...wanted].sort())
    }
  },
)

test('the leaves of a sweep are its configurations', () => {
  expect(leavesOf(small('sweep:3').graph).map(({ id }) => id)).toEqual(['leaf-0', 'leaf-1', 'leaf-2'])
})

const fake = (name: string, ...argv: readonly string[]): Peer => {
  return { ...execaLoop, name, remembers: true, run: () => argv }
}
const told = (samples: readonly Sample[]): unknown => {
  return samples.map(({ peer, outcome, round, phase }) => [peer, outcome, round, phase])
}

test('who leaves nothing and who fails is told apart, and goes no further', async () => {
  const printed: string[] = []
  const onFailure = ({ peer }: Sample, text: string): void => void printed.push(`${peer}: ${text}`)
  const peers = [fake('idle', 'true'), fake('broken', 'sh', '-c', 'echo no >&2; exit 3')]
  const samples = await measureCase(small('lanes:10'), peers, options({ rounds: 2, onFailure }))
  expect(told(samples)).toEqual([
    ['idle', 'wrong', 0, 'cold'],
    ['broken', 'failed', 0, 'cold'],
  ])
  expect(printed).toContain('broken: no\n')
})

test('who takes too long is ended, and goes no further', async () => {
  const samples = await measureCase(
    small('lanes:10'),
    [fake('slow', 'sh', '-c', 'sleep 600 & wait')],
    options({ limitSeconds: 0.1, rounds: 2 }),
  )
  expect(told(samples)).toEqual([['slow', 'limit', 0, 'cold']])
})

/** Whether a process is there that is more than a name waiting for somebody to ask for its status. */
function runs(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  return existsSync(path) && !/\) Z/.test(readFileSync(path, 'latin1'))
}

test('who is ended is asked first, and leaves no process, in whatever session and environment', async () => {
  const folder = temporaryFolder()
  const hidden = `setsid env -i sh -c 'echo $$ >> ${folder}/pids; exec sleep 600'`
  const asked = `trap 'echo asked >> ${folder}/asked' TERM`
  const script = `${asked}; ${hidden} & (setsid sleep 600 & echo $! >> ${folder}/pids) & while :; do sleep 0.01; done`
  const slow = fake('slow', 'sh', '-c', script)
  await measureCase(small('lanes:10'), [slow], options({ limitSeconds: 1, graceMs: 200 }))
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('asked\n')
  const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number)
  expect(pids).toHaveLength(2)
  expect(pids.filter(runs)).toEqual([])
})

test('what a program leaves running is ended before the next', async () => {
  const file = join(temporaryFolder(), 'pid')
  const peers = [fake('leaver', 'sh', '-c', `setsid sleep 600 & echo $! > ${file}`)]
  await measureCase(small('lanes:10'), peers, options())
  expect(runs(Number(readFileSync(file, 'utf8')))).toBe(false)
})

test.each([
  ['Building\nWorkflowError:\nRecursionError: too deep\nProblematic file: x\n', 'RecursionError: too deep'],
  ['one\ntwo\n\n', 'two'],
  ['', 'it printed nothing'],
])('of what a failed engine printed, the line that says why is told', (printed, said) => {
  expect(failureIn(printed)).toBe(said)
})

test('ratios are taken within a round', () => {
  const sample = (peer: string, round: number, wall: number, phase = 'cold'): Sample => ({
    ...{ peer, round, wall, phase, cpu: wall * 2, executed: 1, outcome: 'ok' },
  })
  const rows = rowsOf(
    [
      ...[sample('loop', 0, 1), sample('loop', 1, 10), sample('loop', 2, 4)],
      ...[sample('one', 0, 3), sample('one', 1, 10), sample('one', 2, 8)],
      ...[sample('one', 0, 0.5, 'nothing'), sample('one', 1, 1, 'nothing'), sample('one', 2, 1, 'nothing')],
    ],
    'loop',
  )
  expect(
    rows.map(({ peer, phase, wall, wallMin, wallPerLoop, cpuPerLoop }) => [
      peer,
      phase,
      wall,
      wallMin,
      wallPerLoop,
      cpuPerLoop,
    ]),
  ).toEqual([
    ['loop', 'cold', 4, 1, 1, 1],
    ['one', 'cold', 8, 3, 2, 2],
    ['one', 'nothing', 1, 0.5, 0.25, 0.25],
  ])
})

test.each([['--case', 'lanes:15'], ['--case', 'rings:10'], ['--peers', 'bazel'], ['--rounds', '0'], ['--what']])(
  'an option that makes no sense is told: %s %s',
  (...args) => {
    expect(typeof readOptions(args)).toBe('string')
  },
)
