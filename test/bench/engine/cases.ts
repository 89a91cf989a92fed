import { cksum } from './cksum.ts'
import type { Graph, Task } from './graph.ts'
import { HEAD_BYTES, type Sources } from './sources.ts'

/** What is done to a graph that has been executed, and timed. */
export interface Phase {
  name: string
  /** Asks what there is to do, for those who can say so without doing it. */
  decides?: true
  /** What changes before; every peer sees the same change. */
  change?: (sources: Sources) => void
  /** The graph from then on. */
  graph?: Graph
  /** How many tasks must be executed at the least, if what wrote the same bytes as before is followed no further. */
  least: number
}

/** A graph, its sources, and what is timed. */
export interface Case {
  name: string
  title: string
  graph: Graph
  makeSources: (sources: Sources) => void
  phases: readonly Phase[]
}

const LANES = 10
const SHARED = 3

/** The cases of a full measurement. */
export const FULL_SET: readonly string[] = [
  'lanes:200',
  'lanes:1000',
  'lanes:10000',
  'big:2048',
  'files:20000',
  'sweep:100',
]

/** The case of a name, which is a kind and a size, such as `lanes:200`; undefined if there is none. */
export function caseOf(name: string): Case | undefined {
  const [, kind, digits] = /^([a-z]+):([1-9][0-9]{0,6})$/.exec(name) ?? []
  const size = Number(digits)
  switch (kind) {
    case 'lanes':
      return size % LANES === 0 ? lanes(name, size) : undefined
    case 'big':
      return big(name, size)
    case 'files':
      return files(name, size)
    case 'sweep':
      return sweep(name, size)
    default:
      return undefined
  }
}

const executions = (all: number): [cold: Phase, nothing: Phase, decide: Phase] => [
  { name: 'cold', least: all },
  { name: 'nothing to do', least: 0 },
  { name: 'nothing to do, only asked', decides: true, least: 0 },
]

/** Ten chains of tasks that do next to nothing. */
function lanes(name: string, size: number): Case {
  const length = size / LANES
  const sourceOf = (lane: number): string => `lane-${lane}.txt`
  const tasks = Array.from({ length: LANES }, (_, lane) => lane).flatMap((lane) =>
    Array.from({ length }, (_, step) =>
      step === 0
        ? withoutComments(`t-${lane}-0`, { source: sourceOf(lane) })
        : checksum(`t-${lane}-${step}`, { task: `t-${lane}-${step - 1}` }),
    ),
  )
  return {
    name,
    title: `${size} tasks: ${LANES} lanes of ${length}, each reading what the one before wrote`,
    graph: { tasks },
    makeSources: (sources) => {
      for (let lane = 0; lane < LANES; lane++) sources.writeText(sourceOf(lane), `# lane ${lane}\nvalue ${lane}\n`)
    },
    phases: [
      ...executions(size),
      {
        name: 'a comment added to one source',
        change: (sources) => sources.append(sourceOf(0), '# another comment\n'),
        least: 1,
      },
      {
        name: 'a value added to one source',
        change: (sources) => sources.append(sourceOf(0), 'another value\n'),
        least: length,
      },
    ],
  }
}

/** One large file, of which only the beginning matters to the one task that reads it. */
function big(name: string, mebibytes: number): Case {
  const source = 'big.bin'
  return {
    name,
    title: `one input of ${mebibytes} MiB, read by the first of 2 tasks`,
    graph: { tasks: [head('first', { source }), checksum('second', { task: 'first' })] },
    makeSources: (sources) => sources.writeLarge(source, mebibytes),
    phases: [
      ...executions(2),
      { name: 'after touch', change: (sources) => sources.touch(source), least: 0 },
      { name: 'nothing to do after that', least: 0 },
      { name: 'one byte in the middle changed', change: (sources) => sources.changeByte(source), least: 1 },
    ],
  }
}

/** A folder of small files as one input. */
function files(name: string, count: number): Case {
  const source = 'files'
  return {
    name,
    title: `a folder of ${count} small files as one input, read by the first of 2 tasks`,
    graph: { tasks: [folderChecksum('first', { source }), checksum('second', { task: 'first' })] },
    makeSources: (sources) => sources.writeFolder(source, count),
    phases: [
      ...executions(2),
      { name: 'one file changed', change: (sources) => sources.changeMember(source), least: 2 },
    ],
  }
}

/** A sweep whose configurations share what comes first. */
function sweep(name: string, configurations: number): Case {
  const source = 'corpus.txt'
  const graph = (count: number): Graph => ({
    tasks: [
      withoutComments('shared-0', { source }),
      ...Array.from({ length: SHARED - 1 }, (_, at) => checksum(`shared-${at + 1}`, { task: `shared-${at}` })),
      ...Array.from({ length: count }, (_, value) => ({
        ...checksum(`leaf-${value}`, { task: `shared-${SHARED - 1}` }),
        variant: { stage: 'leaf', axis: 'config', value },
      })),
    ],
  })
  return {
    name,
    title: `a sweep of ${configurations} configurations, one task each, that share ${SHARED} tasks before`,
    graph: graph(configurations),
    makeSources: (sources) => sources.writeText(source, '# a corpus\npassage\n'),
    phases: [
      ...executions(configurations + SHARED),
      { name: 'one more configuration', graph: graph(configurations + 1), least: 1 },
    ],
  }
}

function withoutComments(id: string, input: Task['input']): Task {
  return {
    id,
    input,
    command: (from, to) => `grep -v '^#' ${from} > ${to}`,
    expect: (bytes) =>
      bytes
        .toString()
        .split(/(?<=\n)/)
        .filter((line) => !line.startsWith('#'))
        .join(''),
  }
}

function checksum(id: string, input: Task['input']): Task {
  return {
    id,
    input,
    command: (from, to, label) => `{ cksum < ${from}; echo ${label}; } > ${to}`,
    expect: (bytes) => `${cksum(bytes)}\n${id}\n`,
  }
}

function head(id: string, input: Task['input']): Task {
  return {
    id,
    input,
    command: (from, to) => `head -c ${HEAD_BYTES} ${from} | cksum > ${to}`,
    expect: (bytes) => `${cksum(bytes)}\n`,
  }
}

function folderChecksum(id: string, input: Task['input']): Task {
  return {
    id,
    input,
    command: (from, to) => `cat ${from}/* | cksum > ${to}`,
    expect: (bytes) => `${cksum(bytes)}\n`,
  }
}
