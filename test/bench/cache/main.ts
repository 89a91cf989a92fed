import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Measured, measureFiles } from './files.ts'
import { measureRows } from './rows.ts'

/*
 * What the store costs, as ratios to the plainest programs that do the same to the same bytes in the same run.
 * `npm run bench:cache` is small; `-- --full` is 1 x 2 GiB, 20,000 x 4 KiB and a million rows.
 */
const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    folder: { type: 'string' },
  },
})
const sizes = values.full
  ? { big: 2 * 1024 ** 3, files: 20_000, rows: 1_000_000 }
  : { big: 64 * 1024 ** 2, files: 1_000, rows: 20_000 }
mkdirSync(values.folder ?? tmpdir(), { recursive: true })
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'queryloom-bench-'))
try {
  const measured: Measured[] = [
    ...(await measureFiles(join(folder, 'big'), '1 big file', 1, sizes.big)),
    ...(await measureFiles(join(folder, 'small'), `${sizes.files} files of 4 KiB`, sizes.files, 4096)),
    ...(await measureRows(join(folder, 'rows'), sizes.rows)),
  ]
  if (values.json) console.log(JSON.stringify({ sizes, measured }, undefined, 2))
  else for (const { what, seconds, against } of measured) console.log(lineOf(what, seconds, against))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function lineOf(what: string, seconds: number, against: Measured['against']): string {
  const ratios = Object.entries(against).map(([name, other]) => `${(seconds / other).toFixed(2)} x ${name}`)
  return [what.padEnd(44), `${seconds.toFixed(3)} s`.padStart(10), ...ratios].join('  ')
}
