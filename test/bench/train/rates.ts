import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { loadXxh } from '../../../cache/xxh.ts'
import { learnTokenizer } from '../../../stages/train/corpus-tokenizer.ts'
import { Random } from '../../../stages/train/random.ts'
import { scheduleFor } from '../../../stages/train/schedule.ts'
import { type Judged, readCollection } from './collection.ts'
import { meanAndSd, table } from './figures.ts'
import { loadOwn, trainOwn } from './own.ts'

/**
 * What chooses the default learning rate of static models: nDCG@10 on held-out queries by rate and by number of pairs. A
 * third of one split's queries are held out and the others give the pairs; no other split is looked at.
 *   npm run bench:rates -- FOLDER SPLIT [SEEDS] [SIZE,SIZE…] [RATE,RATE…]
 */
const [
  folder = '../shared/data/cranfield',
  split = 'test',
  seeds = '2',
  sizes = '60,125,250,500,1000',
  rates = '0.01,0.03,0.06,0.1,0.2,0.3',
] = process.argv.slice(2)
const RATES = rates.split(',').map(Number)
const DIMENSIONS = 256

await loadXxh()
const home = mkdtempSync(path.join(tmpdir(), 'queryloom-bench-rates-'))
const collection = await readCollection(folder)
const judged = await collection.judged(split)
const tokenizer = await learnTokenizer([collection.corpus], undefined, {
  signal: new AbortController().signal,
  progress: () => {},
})
const ids = [...judged.keys()]
const order = Uint32Array.from(ids, (_, i) => i)
new Random('bench:rates').shuffle(order)
const some = (numbers: Uint32Array): Judged =>
  new Map([...numbers].map((i) => [ids[i]!, judged.get(ids[i]!)!] as const))
const held = some(order.subarray(0, Math.floor(ids.length / 3)))
const pairs = collection.pairs(some(order.subarray(held.size)))
/** Held-out queries none of whose answers stands in the pairs: those measure more than memory. */
const seen = new Set(pairs.map(({ positive }) => positive))
const clean: Judged = new Map(
  [...held].filter(([id, of]) => collection.pairs(new Map([[id, of]])).every(({ positive }) => !seen.has(positive))),
)
console.log(
  `${path.basename(folder)}, ${split}: ${pairs.length} pairs, ${held.size} queries held out, ${clean.size} of them clean; ${tokenizer.encoder.vocabularySize} tokens, load ${loadavg()[0]?.toFixed(1)}`,
)
const numbers = [...new Set(sizes.split(',').map((size) => Math.min(pairs.length, Number(size))))]
const lines: string[][] = []
for (const size of numbers) {
  const rows = path.join(home, `${size}.jsonl`)
  writeFileSync(
    rows,
    pairs
      .slice(0, size)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  )
  const cells: string[] = []
  for (const rate of RATES) {
    const schedule = scheduleFor(size, { learning_rate: rate })
    const all: number[] = []
    const unseen: number[] = []
    for (let seed = 1; seed <= Number(seeds); seed++) {
      const out = path.join(home, `${size}-${rate}-${seed}`)
      await trainOwn(out, rows, tokenizer, schedule, { dimensions: DIMENSIONS, seed })
      const model = await loadOwn(out)
      all.push(await collection.score(model, held))
      if (clean.size > 0) unseen.push(await collection.score(model, clean))
    }
    cells.push(clean.size > 0 ? `${meanAndSd(all)} / ${meanAndSd(unseen)}` : meanAndSd(all))
  }
  lines.push([String(size), ...cells])
}
console.log(table(['pairs', ...RATES.map(String)], lines))
rmSync(home, { recursive: true, force: true })
