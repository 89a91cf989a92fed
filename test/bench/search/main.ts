import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { readCorpus } from '../../../stages/data/beir.ts'
import { corpusOf } from '../../../stages/data/inputs.ts'
import { loadSplit } from '../../../stages/data/split.ts'
import { pythonPackages } from '../../rig/python.ts'
import { evalInputs, present } from '../../stages/eval/collections.ts'

/*
 * Search beside its peers, the same work in the same run, processes of their own in turn: exact search and faiss
 * (IndexFlatIP), BM25 and bm25s with its tokenizer. Ratios are medians over rounds, of our seconds to theirs.
 */
const { values } = parseArgs({
  options: {
    passages: { type: 'string', default: '500000' },
    queries: { type: 'string', default: '1000' },
    dimensions: { type: 'string', default: '384' },
    k: { type: 'string', default: '100' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const PACKAGES = ['faiss-cpu==1.15.1', 'bm25s==0.3.16', 'PyStemmer==3.1.0', 'numpy==2.4.6', 'packaging==26.0']
const packages = await pythonPackages(PACKAGES, 'the bench of search')
if (!packages) process.exit(1)
const { tools, folder: pythonPath } = packages

interface Figure {
  what: string
  ours: number
  theirs: number
  ratio: number
  notes?: { [name: string]: number }
}

const execute = promisify(execFile)
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
const load = loadavg()[0]!
const figures: Figure[] = []
try {
  if (values.only !== 'bm25') figures.push(await benchDense())
  if (values.only !== 'dense')
    for (const name of ['scifact', 'cranfield', 'msmarco-mini'])
      if (present(name)) figures.push(...(await benchBm25(name)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (values.json) console.log(JSON.stringify({ load, threads: Number(values.threads), figures }, undefined, 2))
else {
  console.log(`load ${load.toFixed(1)} at the start, ${loadavg()[0]!.toFixed(1)} at the end; ${values.threads} threads`)
  for (const { what, ours, theirs, ratio, notes = {} } of figures) {
    const rest = Object.entries(notes).map(([name, value]) => `${name} ${value.toFixed(2)}`)
    const cells = [`ours ${ours.toFixed(3)} s`, `theirs ${theirs.toFixed(3)} s`, `${ratio.toFixed(2)} x`, ...rest]
    console.log([what.padEnd(58), ...cells].join('  '))
  }
}

async function benchDense(): Promise<Figure> {
  const [passages, queries] = [join(folder, 'passages'), join(folder, 'queries')]
  const size = Number(values.dimensions)
  await randomVectors(passages, Number(values.passages), size, 1)
  await randomVectors(queries, Number(values.queries), size, 2)
  const args = [passages, queries, values.dimensions, values.k, values.threads]
  const pairs: [ours: number, theirs: number][] = []
  const processor: [ours: number, theirs: number][] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const theirs = await run<Found>(tools.python, [here('peers.py'), 'dense', ...args])
    const ours = await run<Found>(process.execPath, [...process.execArgv, here('ours.ts'), 'dense', ...args, 'memory'])
    checkSame(ours, theirs)
    pairs.push([ours.seconds, theirs.seconds])
    processor.push([ours.processor, theirs.processor])
  }
  const streamed = await run<Found & { grown: number }>(process.execPath, [
    ...process.execArgv,
    here('ours.ts'),
    'dense',
    ...args,
    'file',
  ])
  const block = (40 << 20) * 4
  // An object with a boxed number, and its place in a list.
  const results = Number(values.queries) * Number(values.k) * 64
  return {
    ...medians(`top ${values.k} of ${values.queries} over ${values.passages} x ${size}`, pairs),
    notes: {
      'by processor time': medians('', processor).ratio,
      'memory / (1.5 x block + results)': streamed.grown / (1.5 * block + results),
      'MiB grown': streamed.grown / 2 ** 20,
    },
  }
}

async function benchBm25(name: string): Promise<Figure[]> {
  const inputs = evalInputs(name)
  const passages: string[] = []
  for await (const { title, text } of readCorpus(corpusOf(inputs.dataset))) passages.push(`${title}\n${text}`)
  const { queries } = await loadSplit(inputs.judgements)
  const location = join(folder, `${name}.json`)
  writeFileSync(location, JSON.stringify({ passages, queries: [...queries.values()] }))
  const pairs: { index: [number, number]; search: [number, number]; both: [number, number] }[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const theirs = await run<Timed>(tools.python, [here('peers.py'), 'bm25', location])
    const ours = await run<Timed>(process.execPath, [...process.execArgv, here('ours.ts'), 'bm25', location])
    pairs.push({
      index: [ours.index, theirs.index],
      search: [ours.search, theirs.search],
      both: [ours.index + ours.search, theirs.index + theirs.search],
    })
  }
  const what = `BM25 of ${name}, ${passages.length} passages, ${queries.size} queries`
  return (['index', 'search', 'both'] as const).map((part) =>
    medians(
      `${what}: ${part}`,
      pairs.map((pair) => pair[part]),
    ),
  )
}

interface Found {
  seconds: number
  /** Seconds of all threads. */
  processor: number
  first: number[]
  scores: number[]
}
interface Timed {
  index: number
  search: number
}

async function run<Result>(program: string, args: string[]): Promise<Result> {
  const { stdout } = await execute(program, args, {
    maxBuffer: 1 << 26,
    env: { ...process.env, PYTHONPATH: pythonPath, OMP_NUM_THREADS: values.threads },
  })
  return JSON.parse(stdout)
}

/** A bench of other results would say nothing; only passages of nearly one score may change places. */
function checkSame(ours: Found, theirs: Found): void {
  for (const [i, score] of theirs.scores.entries())
    if (Math.abs(ours.scores[i]! - score) > 1e-5) throw new Error(`rank ${i + 1}: ${ours.scores[i]} and ${score}`)
}

function medians(what: string, pairs: readonly [ours: number, theirs: number][]): Figure {
  const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
  return {
    what,
    ours: median(pairs.map(([ours]) => ours)),
    theirs: median(pairs.map(([, theirs]) => theirs)),
    ratio: median(pairs.map(([ours, theirs]) => ours / theirs)),
  }
}

/** Rows of length 1 with normal components, the same for each seed. */
async function randomVectors(location: string, rows: number, size: number, seed: number): Promise<void> {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  const file = await open(location, 'wx')
  try {
    for (let at = 0; at < rows; at += 4096) {
      const block = new Float32Array(Math.min(4096, rows - at) * size)
      for (let row = 0; row < block.length; row += size) {
        let squares = 0
        for (let d = 0; d < size; d++) {
          const value = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
          block[row + d] = value
          squares += value * value
        }
        for (let d = 0; d < size; d++) block[row + d]! /= Math.sqrt(squares)
      }
      await file.write(block)
    }
  } finally {
    await file.close()
  }
}
