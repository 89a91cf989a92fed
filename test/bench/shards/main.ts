import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SimulationFigures, simulateShards } from '../../rig/simulate-shards.ts'

// A scale model of 8.8M passages x 5 queries on 64 cards: as many arrays, as much time, and a twentieth of the rows in
// each shard. Per row, the controller does what it does at full size; per hour too.

const SCALE = 20
const FULL = { rows: 8_800_000 * 5, arrays: 35 }
const SHARD = 20_000 / SCALE
const CLUSTER = { gpus: 64, tasks: 64, shard: SHARD, array: 64 * SHARD, boot: 90, rate: 50 / SCALE, loses: 50 }

const sizes = process.argv.slice(2).map(Number)
const measured: SimulationFigures[] = []
for (const arrays of sizes.length > 0 ? sizes : [3, 9, 35]) {
  const folder = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
  try {
    const passages = (arrays * 64 * SHARD) / 5
    const figures = await simulateShards({ ...CLUSTER, folder, passages, perPassage: 5 })
    measured.push(figures)
    console.log(JSON.stringify({ ...figures, load: loadavg()[0] }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const round = (value: number, digits = 1): string => value.toFixed(digits)
console.log(
  '\n| rows | arrays | hours | shard files | at once | polls | looks | store, bytes a row | CPU, µs a row | CPU, s an hour | RSS, MiB |',
)
console.log('|---|---|---|---|---|---|---|---|---|---|---|')
for (const one of measured) {
  const { rows, arrays, hours, files, filesAtOnce, polls, looks, storeBytes, cpuSeconds, rssMiB } = one
  const words = [rows, arrays, round(hours, 2), files, filesAtOnce, polls, looks, round(storeBytes / rows, 0)]
  console.log(
    `| ${[...words, round((cpuSeconds * 1e6) / rows, 0), round(cpuSeconds / hours), round(rssMiB, 0)].join(' | ')} |`,
  )
}

// CPU = a · rows + b · hours, by the first and the last size.
const [first, last] = [measured[0], measured.at(-1)]
if (first && last && first !== last) {
  const perArray = (last.cpuSeconds - first.cpuSeconds) / (last.arrays - first.arrays)
  const bytes = (last.storeBytes / last.rows) * FULL.rows
  console.log(
    `\nan array more: ${round(perArray)} s of CPU, ${round((last.hours - first.hours) / (last.arrays - first.arrays), 3)} h`,
  )
  console.log(
    `at full size: a store of ${round(bytes / 1e9)} GB; a row costs at most ${round((perArray * 1e6) / (64 * SHARD), 0)} µs, so at most ${round((perArray * FULL.rows) / (64 * SHARD) / 3600)} h of CPU in ${round(last.hours, 1)} h`,
  )
}
