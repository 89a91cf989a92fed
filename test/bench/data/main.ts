import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'rolldown'
import { packageRoot } from '../../../engine/util/package-root.ts'
import type { Measure } from './step.ts'

/*
 * What a million rows cost from the corpus through `sample-corpus` and `filter` (rules), beside a bare loop that parses,
 * writes out and hashes the same rows in the same run. Each step is a process of its own, so that its peak memory is its
 * own. `npm run bench:data -- --rows 1000000 --rounds 3`.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '1' },
    folder: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
// As it is shipped: what runs sources makes every function slower.
const script = join(packageRoot, 'node_modules/.cache/queryloom-bench/step.mjs')
await build({
  input: join(packageRoot, 'test/bench/data/step.ts'),
  platform: 'node',
  external: /^[^./]/,
  output: { file: script, format: 'esm', codeSplitting: false },
})
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'queryloom-bench-'))
try {
  const load = loadavg()[0]?.toFixed(1)
  step('make', folder, values.rows)
  const steps = ['bare corpus', 'sample all', 'sample half', 'bare pairs', 'filter'] as const
  const measured = new Map<string, Measure[]>(steps.map((name) => [name, []]))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const name of steps) measured.get(name)?.push(step(...(name.split(' ') as [string]), folder))
  const figures = steps.map((name) => {
    const all = measured.get(name) as Measure[]
    return {
      step: name,
      seconds: median(all.map(({ seconds }) => seconds)),
      cpu_seconds: median(all.map(({ cpuSeconds }) => cpuSeconds)),
      rows_per_second: median(all.map(({ rows, seconds }) => rows / seconds)),
      peak_mib: Math.max(...all.map(({ peakMib }) => peakMib)),
    }
  })
  const ratiosOf = (of: (one: Measure) => number): { [name: string]: number } => {
    const at = (name: string, round: number): number => of(measured.get(name)![round]!)
    const ratio = (compute: (round: number) => number): number =>
      median(measured.get('filter')!.map((_, i) => compute(i)))
    return {
      'sample all': ratio((i) => at('bare corpus', i) / at('sample all', i)),
      'sample half': ratio((i) => at('bare corpus', i) / at('sample half', i)),
      filter: ratio((i) => at('bare pairs', i) / at('filter', i)),
      'sample and filter': ratio(
        (i) => (at('bare corpus', i) + at('bare pairs', i)) / (at('sample all', i) + at('filter', i)),
      ),
    }
  }
  const ratios = ratiosOf(({ seconds }) => seconds)
  // Where others use the machine, processor time says more.
  const cpu_ratios = ratiosOf(({ cpuSeconds }) => cpuSeconds)
  const mib = Math.round(statSync(join(folder, 'corpus.jsonl')).size / 2 ** 20)
  if (values.json)
    console.log(JSON.stringify({ rows: Number(values.rows), mib, load, figures, ratios, cpu_ratios }, undefined, 2))
  else {
    console.log(`${values.rows} rows, ${mib} MiB, load ${load} at the start, ${values.rounds} rounds`)
    for (const { step: name, seconds, cpu_seconds, rows_per_second, peak_mib } of figures)
      console.log(
        `${name.padEnd(12)} ${seconds.toFixed(2)} s (${cpu_seconds.toFixed(2)} s of processors)  ${Math.round(rows_per_second / 1000)}k rows/s  peak ${Math.round(peak_mib)} MiB`,
      )
    for (const [name, value] of Object.entries(ratios))
      console.log(
        `${name}: ${value.toFixed(2)} x the speed of the bare loop, ${cpu_ratios[name]!.toFixed(2)} x by processor time`,
      )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function step(...args: string[]): Measure {
  const { status, stdout } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${args.join(' ')} failed`)
  return JSON.parse(stdout) as Measure
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
