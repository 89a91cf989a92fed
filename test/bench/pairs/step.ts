import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { hash64, loadXxh } from '../../../cache/xxh.ts'
import { writeJsonl } from '../../../stages/data/jsonl.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { run as runMix } from '../../../stages/mix/run.ts'
import { MinHashIndex } from '../../../stages/text/min-hash.ts'
import { NearDuplicateIndex } from '../../../stages/text/near-duplicates.ts'

/** What one step took. */
export interface Measure {
  seconds: number
  /** Of all threads. */
  cpuSeconds: number
  peakMib: number
  found: string
}

const [name, ...rest] = parseArgs({ allowPositionals: true }).positionals
const steps: { readonly [name: string]: (...args: string[]) => Promise<string> } = { make, near, bare, mix }
await loadXxh()
const started = performance.now()
const before = process.cpuUsage()
const found = await steps[name as string]!(...rest)
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakMib: process.resourceUsage().maxRSS / 1024,
    found,
  } satisfies Measure),
)

/** Numbers below a bound, the small ones more often, as words of a language are. */
function zipf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((below + 1) ** (state / 2 ** 32)) - 1
  }
}

/** Queries of 5 to 11 words of 50,000; every fourth is an earlier one with a word changed. */
function* queries(count: number): Generator<string[]> {
  const next = zipf(7)
  const recent: string[][] = []
  for (let i = 0; i < count; i++) {
    const copied = i % 4 === 3 ? recent[(i * 7919) % recent.length] : undefined
    const query = copied ? [...copied] : Array.from({ length: 5 + (i % 7) }, () => `w${next(50_000)}`)
    if (copied) query[i % query.length] = `w${next(50_000)}`
    if (recent.length < 10_000) recent.push(query)
    else recent[i % 10_000] = query
    yield query
  }
}

async function near(how: string, count: string, threshold: string): Promise<string> {
  let dropped = 0
  const least = Number(threshold)
  if (how === 'minhash') {
    const index = new MinHashIndex(least)
    for (const query of queries(Number(count))) if (index.addUnlessNear(query) > 0) dropped++
  } else {
    const index = new NearDuplicateIndex()
    for (const query of queries(Number(count))) {
      const text = query.join(' ')
      if (index.query(text, least).length > 0) dropped++
      else index.add('', text)
    }
  }
  return `${dropped} dropped`
}

/** Passages of 30 to 90 words, and a query for each. */
async function make(folder: string, wanted: string): Promise<string> {
  const pairs = await writeJsonl(join(folder, 'pairs.jsonl'))
  const passages = await writeJsonl(join(folder, 'passages.jsonl'))
  const next = zipf(3)
  const text = (words: number): string => Array.from({ length: words }, () => `word${next(50_000)}`).join(' ')
  for (let i = 0; i < Number(wanted); i++) {
    await passages.write({ _id: `p${i}`, doc_id: `p${i}`, title: text(4), text: `${text(30 + (i % 60))} ${i}` })
    await pairs.write({ _id: `p${i}-0`, passage_id: `p${i}`, query: `${text(7)} ${i}`, sample: 0 })
  }
  for (const writer of [pairs, passages]) await writer.close()
  return `${wanted} pairs`
}

/** The plainest program that reads, writes out and hashes every pair and passage. */
async function bare(folder: string): Promise<string> {
  let lines = 0
  for (const file of ['passages.jsonl', 'pairs.jsonl']) {
    const input = createReadStream(join(folder, file), { highWaterMark: 1 << 18 })
    for await (const line of createInterface({ input })) {
      hash64(JSON.stringify(JSON.parse(line)))
      lines++
    }
  }
  return `${lines} lines`
}

async function mix(folder: string, mine: string): Promise<string> {
  const files = ['pairs.jsonl', 'passages.jsonl'].map((path) => ({
    path,
    size: 0,
    executable: false,
    ...source(folder, path),
  }))
  const options = {
    pairs: [{ from: 'x' }],
    combine: 'concat',
    negatives: mine === 'none' ? mine : { mine },
    dev: { fraction: 0.01 },
    seed: 1,
  }
  const inputs = {
    'pairs/0/from': { type: 'artifact', kind: 'pairs', digest: 'sha256:0', files },
    'pairs/0/corpus': { type: 'dataset', name: 'd', corpus: source(folder, 'passages.jsonl') },
  } as unknown as { [name: string]: StageInput }
  const made = join(folder, 'out')
  const outputs = { training: join(made, 'training'), dev: join(made, 'dev') }
  const scratch = join(made, 'scratch')
  for (const place of [...Object.values(outputs), scratch]) mkdirSync(place, { recursive: true })
  const context = {
    options: options as unknown as Json,
    inputs,
    outputs,
    scratch,
    signal: new AbortController().signal,
    progress: () => {},
  }
  try {
    const { counts } = await runMix(context as never)
    return `${counts.training} rows`
  } finally {
    rmSync(made, { recursive: true })
  }
}

function source(folder: string, file: string): { location: string; digest: never } {
  return { location: join(folder, file), digest: 'sha256:0' as never }
}
