import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Measured, measureFiles } from './files.ts'
import { measureRows } from './rows.ts'

/*
 * What the store costs, as ratios to the plainest programs that do the same to the same bytes in the same run.
 * `npm run bench:cache` is small; `-- --full` is 1 x 2 GiB, 20,000 x 4 KiB and a million rows. Of several rounds each
 * ratio is the median of the rounds' ratios.
 */
const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    folder: { type: 'string' },
  },
})
const sizes = values.full
  ? { big: 2 * 1024 ** 3, files: 20_000, rows: 1_000_000 }
  : { big: 64 * 1024 ** 2, files: 1_000, rows: 20_000 }
const load = loadavg()[0]?.toFixed(1)
const rounds: Measured[][] = []
for (let round = 0; round < Number(values.rounds); round++) rounds.push(await measure())
const figures = (rounds[0] ?? []).map(({ what, against }, at) => {
  const same = rounds.map((measured) => measured[at]!)
  const ratios = Object.keys(against).map((name) => [name, median(same.map((one) => one.seconds / one.against[name]!))])
  return {
    what,
    seconds: median(same.map(({ seconds }) => seconds)),
    ratios: Object.fromEntries(ratios) as { [name: string]: number },
  }
})
if (values.json) console.log(JSON.stringify({ sizes, load, figures }, undefined, 2))
else {
  console.log(`load ${load} at the start, ${values.rounds} rounds`)
  for (const { what, seconds, ratios } of figures) {
    const cells = Object.entries(ratios).map(([name, ratio]) => `${ratio.toFixed(2)} x ${name}`)
    console.log([what.padEnd(44), `${seconds.toFixed(3)} s`.padStart(10), ...cells].join('  '))
  }
}

async function measure(): Promise<Measured[]> {
  mkdirSync(values.folder ?? tmpdir(), { recursive: true })
  const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'queryloom-bench-'))
  try {
    return [
      ...(await measureFiles(join(folder, 'big'), '1 big file', 1, sizes.big)),
      ...(await measureFiles(join(folder, 'small'), `${sizes.files} files of 4 KiB`, sizes.files, 4096)),
      ...(await measureRows(join(folder, 'rows'), sizes.rows)),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
