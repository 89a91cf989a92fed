import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SimulationFigures, simulateShards } from '../../rig/simulate-shards.ts'

// A scale model of 8.8M passages x 5 queries on 64 cards: arrays take as long as they would, with a twentieth of the rows
// in each shard; once with a fortieth, to tell what a row costs from what an hour costs.

const CARDS = 64
/** Rows of a shard, and what a card answers in a second. */
const SHARD = 20_000
const RATE = 50
const ROWS = 8_800_000 * 5

async function measure(arrays: number, scale: number): Promise<SimulationFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
  const shard = SHARD / scale
  const cluster = { gpus: CARDS, tasks: CARDS, shard, array: CARDS * shard, boot: 90, rate: RATE / scale, loses: 50 }
  try {
    const passages = (arrays * CARDS * shard) / 5
    const figures = await simulateShards({ ...cluster, folder, passages, perPassage: 5 })
    console.log(JSON.stringify({ scale, ...figures, load: loadavg()[0] }))
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sizes = process.argv.slice(2).map(Number)
const [small, middle, large] = sizes.length === 3 ? sizes : [2, 6, 18]
const measured: SimulationFigures[] = []
for (const arrays of [small, middle, large]) measured.push(await measure(arrays as number, 20))
const thin = await measure(middle as number, 40)

const round = (value: number, digits = 1): string => value.toFixed(digits)
const HEADS = [
  'rows',
  'arrays',
  'hours',
  'submitted',
  'polls',
  'looks',
  'files',
  'at once',
  'store, B/row',
  'CPU, s',
  'MiB',
]
console.log(`\n| ${HEADS.join(' | ')} |\n|${'---|'.repeat(HEADS.length)}`)
for (const one of [...measured, thin]) {
  const { rows, arrays, hours, submissions, polls, looks, files, filesAtOnce, storeBytes, cpuSeconds, rssMiB } = one
  const bytes = round(storeBytes / rows, 0)
  const cells = [rows, arrays, round(hours, 2), submissions, polls, looks, files, filesAtOnce, bytes, round(cpuSeconds)]
  console.log(`| ${[...cells, round(rssMiB, 0)].join(' | ')} |`)
}

const [, same, last] = measured as [SimulationFigures, SimulationFigures, SimulationFigures]
const perRow = (same.cpuSeconds - thin.cpuSeconds) / (same.rows - thin.rows)
const perHour = (last.cpuSeconds - perRow * last.rows) / last.hours
const hours = (ROWS / (CARDS * SHARD)) * (last.hours / last.arrays)
const store = (last.storeBytes / last.rows) * ROWS
console.log(`\na row: ${round(perRow * 1e6, 0)} µs of CPU; an hour of ${CARDS} cards: ${round(perHour)} s of CPU`)
console.log(
  `${ROWS} rows: ${round(hours)} h, ${round((perRow * ROWS + perHour * hours) / 3600)} h of CPU, ${round(store / 1e9)} GB of rows`,
)
