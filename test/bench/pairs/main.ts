import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Measure } from './step.ts'

/*
 * What near-duplicates cost, found exactly and by MinHash, and what `mix` costs beside a bare loop that parses, writes out
 * and hashes the same rows in the same run. Each step is a process of its own, so that its peak memory is its own.
 * `npm run bench:pairs -- --rows 1000000 --queries 1000000`.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    queries: { type: 'string', default: '100000' },
    near: { type: 'string', default: '0.8' },
    folder: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'queryloom-bench-'))
try {
  const load = loadavg()[0]?.toFixed(1)
  step('make', folder, values.rows)
  const figures = {
    exact: step('near', 'exact', values.queries, values.near),
    minhash: step('near', 'minhash', values.queries, values.near),
    bare: step('bare', folder),
    mix: step('mix', folder, 'none'),
    'mix, random negatives': step('mix', folder, 'random'),
  }
  if (values.json)
    console.log(JSON.stringify({ load, rows: values.rows, queries: values.queries, figures }, undefined, 2))
  else {
    console.log(`load ${load} at the start; ${values.queries} queries, Jaccard ${values.near}; ${values.rows} pairs`)
    for (const [name, { seconds, cpuSeconds, peakMib, found }] of Object.entries(figures))
      console.log(
        `${name.padEnd(22)} ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processors)  peak ${Math.round(peakMib)} MiB  ${found}`,
      )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function step(...args: string[]): Measure {
  const script = fileURLToPath(new URL('./step.ts', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${args.join(' ')} failed`)
  return JSON.parse(stdout) as Measure
}
