import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import xxhash from 'xxhash-wasm'
import { loadXxh } from '../../../cache/xxh.ts'
import { writeJsonl } from '../../../stages/data/jsonl.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { filter } from '../../../stages/filter/stage.ts'
import { sampleCorpus } from '../../../stages/sample-corpus/stage.ts'

/** What one step took. */
export interface Measure {
  rows: number
  seconds: number
  /** Of all threads. */
  cpuSeconds: number
  peakMib: number
}

const WORDS =
  'the of harbour orchard glacier library furnace meadow violin lantern anchor kettle opens before dawn was painted green needs fresh salt hums in strong wind belongs to nobody'.split(
    ' ',
  )
const RULES = [
  { length: { min_words: 3, max_words: 24 } },
  { copied: { max_overlap: 0.9 } },
  { duplicate: {} },
] satisfies Json[]

const [name, ...rest] = parseArgs({ allowPositionals: true }).positionals
const steps: { readonly [name: string]: (...args: string[]) => Promise<number> } = { make, bare, sample, filter: rules }
// What runs is loaded before the clock starts, and the hash compiled.
await Promise.all([import('../../../stages/sample-corpus/run.ts'), import('../../../stages/filter/run.ts'), loadXxh()])
const { h64 } = await xxhash()
const started = performance.now()
const before = process.cpuUsage()
const rows = await steps[name as string]!(...rest)
const seconds = (performance.now() - started) / 1000
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    rows,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMib: process.resourceUsage().maxRSS / 1024,
  } satisfies Measure),
)

/** A corpus of texts of 30 to 90 words, and a query for each passage: half of it its words, half others. */
async function make(folder: string, wanted: string): Promise<number> {
  const corpus = await writeJsonl(join(folder, 'corpus.jsonl'))
  const pairs = await writeJsonl(join(folder, 'pairs.jsonl'))
  const passages = await writeJsonl(join(folder, 'passages.jsonl'))
  let state = 1
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const text = (words: number): string => Array.from({ length: words }, () => WORDS[next(WORDS.length)]).join(' ')
  for (let i = 0; i < Number(wanted); i++) {
    const passage = { _id: `p${i}`, title: text(4), text: `${text(30 + next(60))} ${i}` }
    const query = `${passage.text.split(' ').slice(3, 6).join(' ')} ${text(3)} ${i}`
    await corpus.write({ ...passage, metadata: {} })
    await passages.write({ _id: passage._id, doc_id: passage._id, title: passage.title, text: passage.text })
    await pairs.write({ _id: `p${i}-0`, passage_id: passage._id, query, sample: 0 })
  }
  for (const writer of [corpus, pairs, passages]) await writer.close()
  return Number(wanted)
}

/** The plainest program that reads, writes out and hashes every row; of pairs, their passages too. */
async function bare(what: string, folder: string): Promise<number> {
  let lines = 0
  for (const file of what === 'corpus' ? ['corpus.jsonl'] : ['passages.jsonl', 'pairs.jsonl']) {
    for await (const line of createInterface({
      input: createReadStream(join(folder, file), { highWaterMark: 1 << 18 }),
    })) {
      h64(JSON.stringify(JSON.parse(line)))
      lines++
    }
  }
  return what === 'corpus' ? lines : lines / 2
}

async function sample(how: string, folder: string): Promise<number> {
  const options = {
    strategy: 'random',
    fraction: how === 'all' ? 1 : 0.5,
    seed: 1,
    min_words: 1,
    drop_duplicates: true,
  }
  const dataset: StageInput = { type: 'dataset', name: 'd', corpus: source(folder, 'corpus.jsonl') }
  const { counts } = await within(folder, ['passages'], (outputs) =>
    sampleCorpus.run({ ...context(options as Json, { dataset }), outputs } as never),
  )
  return counts.read as number
}

async function rules(folder: string): Promise<number> {
  const files = ['pairs.jsonl', 'passages.jsonl'].map((path) => ({
    path,
    size: 0,
    executable: false,
    ...source(folder, path),
  }))
  const pairs = { type: 'artifact', kind: 'pairs', digest: 'sha256:0', files } as unknown as StageInput
  const { counts } = await within(folder, ['pairs', 'rejected'], (outputs) =>
    filter.run({ ...context({ steps: RULES }, { pairs }), outputs } as never),
  )
  return counts.pairs as number
}

function source(folder: string, file: string): { location: string; digest: never } {
  return { location: join(folder, file), digest: 'sha256:0' as never }
}

function context(options: Json, inputs: { readonly [name: string]: StageInput }): object {
  return { options, inputs, signal: new AbortController().signal, progress: () => {}, node: 'bench' }
}

async function within<Result>(
  folder: string,
  names: readonly string[],
  run: (outputs: { [name: string]: string }) => Promise<Result>,
): Promise<Result> {
  const made = join(folder, 'out')
  const outputs = Object.fromEntries(names.map((one) => [one, join(made, one)]))
  for (const output of Object.values(outputs)) mkdirSync(output, { recursive: true })
  try {
    return await run(outputs)
  } finally {
    rmSync(made, { recursive: true })
  }
}
