import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { load, thisMachine } from './machine.ts'
import { hasGnuTime, measure } from './measure.ts'
import { type BenchOptions, HELP, readOptions } from './options.ts'
import { execaLoop } from './peers/execa-loop.ts'
import { MAIN } from './peers/queryloom.ts'
import { measureCase, type Sample } from './rounds.ts'
import { type CaseResult, failureIn, type Measurement, markdownOf, median, rowsOf } from './table.ts'
import { benchEnvironment, versionOf } from './tools.ts'

const QUIET_LOAD = 0.5
const SETTLE_MS = 2_500
const LOG_LINES = 15
/** What does nothing, and so tells what starting it costs. */
const FLOOR: readonly [title: string, argv: readonly string[]][] = [
  ['true', ['true']],
  ['node -e 0', ['node', '-e', '0']],
  ['queryloom --version', ['node', MAIN, '--version']],
]

const FLOOR_CALLS = 7

const say = (text: string): void => void process.stderr.write(`${text}\n`)

/** Measures everything; false if an engine failed or left something wrong. What there is so far is written after each case. */
async function bench(options: BenchOptions, folder: string, signal: AbortSignal): Promise<boolean> {
  const environment = benchEnvironment(join(folder, 'home'))
  const versions = options.peers.map((peer) => ({ peer, version: versionOf(peer, environment) }))
  const present = versions.flatMap(({ peer, version }) => (version === undefined ? [] : [peer]))
  const before = load()
  if (before > QUIET_LOAD) say(`warning: the load average is ${before.toFixed(2)}: others use this machine too`)
  if (!hasGnuTime) say('warning: without GNU time in /usr/bin there is no processor time and no memory')
  const calls = { folder, environment, log: join(folder, 'log'), limitSeconds: options.limitSeconds, signal }
  const floor: { [program: string]: number } = {}
  for (const [title, argv] of FLOOR) {
    const walls: number[] = []
    for (let at = 0; at < FLOOR_CALLS; at++) walls.push((await measure({ ...calls, argv })).wall)
    floor[title] = median(walls) as number
  }
  const results: CaseResult[] = []
  const tooSlow = new Set<string>()
  let isGood = true
  for (const one of options.cases) {
    const kind = one.name.split(':')[0] as string
    const peers = present.filter(({ name }) => !tooSlow.has(`${kind} ${name}`))
    const leftOut = present
      .filter((peer) => !peers.includes(peer))
      .map((peer) => ({ peer: peer.name, why: `it took more than ${options.limitSeconds} s for fewer tasks` }))
    say(`\n${one.name}: ${one.title}`)
    const place = mkdtempSync(join(folder, 'case-'))
    const failures: { peer: string; phase: string; said: string }[] = []
    const samples = await measureCase(one, peers, {
      ...calls,
      rounds: options.rounds,
      jobs: options.jobs,
      settleMs: SETTLE_MS,
      folder: place,
      onSample: (sample) => say(lineOf(sample)),
      onFailure: ({ peer, phase, outcome }, printed) => {
        if (outcome === 'limit') {
          tooSlow.add(`${kind} ${peer}`)
          return
        }
        isGood = false
        failures.push({ peer, phase, said: failureIn(printed) })
        say(printed.trimEnd().split('\n').slice(-LOG_LINES).join('\n'))
      },
    })
    rmSync(place, { recursive: true, force: true })
    results.push({ case: one, samples, leftOut, failures })
    write(options, {
      machine: thisMachine(folder),
      versions: Object.fromEntries(versions.flatMap(({ peer, version }) => (version ? [[peer.name, version]] : []))),
      absent: versions.flatMap(({ peer, version }) => (version === undefined ? [peer.name] : [])),
      notes: Object.fromEntries(present.flatMap(({ name, note }) => (note === undefined ? [] : [[name, note]]))),
      rounds: options.rounds,
      jobs: options.jobs,
      load: { before, after: load() },
      floor,
      results,
    })
  }
  return isGood
}

function write(options: BenchOptions, measurement: Measurement): void {
  const { markdown, json } = options
  const text = markdownOf(
    measurement,
    options.peers.map(({ name }) => name),
    execaLoop.name,
  )
  if (markdown !== undefined) writeFileSync(markdown, text)
  if (json !== undefined) {
    const results = measurement.results.map(({ case: { name, title }, samples, leftOut, failures }) => {
      return { name, title, rows: rowsOf(samples, execaLoop.name), leftOut, failures, samples }
    })
    writeFileSync(json, `${JSON.stringify({ ...measurement, results }, undefined, 2)}\n`)
  }
  if (measurement.results.length === options.cases.length) process.stdout.write(text)
}

function lineOf({ phase, peer, round, wall, cpu, executed, outcome }: Sample): string {
  const figures = [`${wall.toFixed(3)} s`, cpu === undefined ? '' : `CPU ${cpu.toFixed(2)} s`, `executed ${executed}`]
  return `  ${round + 1} ${phase.padEnd(32)} ${peer.padEnd(12)} ${figures.filter((figure) => figure !== '').join(', ')}${outcome === 'ok' ? '' : `, ${outcome}`}`
}

const options = readOptions(process.argv.slice(2))
if (options === undefined) process.stdout.write(HELP)
else if (typeof options === 'string') {
  say(`${options}\n\n${HELP}`)
  process.exitCode = 2
} else if (!existsSync(MAIN)) {
  say('queryloom is not built: npm run build')
  process.exitCode = 2
} else {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))
  process.once('SIGTERM', () => interrupt.abort(new Error('interrupted')))
  mkdirSync(resolve(options.work ?? tmpdir()), { recursive: true })
  const folder = mkdtempSync(join(resolve(options.work ?? tmpdir()), 'queryloom-bench-'))
  try {
    if (!(await bench(options, folder, interrupt.signal))) process.exitCode = 1
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    process.exitCode = 130
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
