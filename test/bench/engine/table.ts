import type { Case } from './cases.ts'
import type { Machine } from './machine.ts'
import type { Sample } from './rounds.ts'

/** A case and what came of it. */
export interface CaseResult {
  case: Case
  samples: readonly Sample[]
  /** Peers that were left out, and why. */
  leftOut: readonly { peer: string; why: string }[]
  /** Peers that failed in a phase, and what they said. */
  failures: readonly { peer: string; phase: string; said: string }[]
}

/** All that one measurement found. */
export interface Measurement {
  machine: Machine
  versions: { readonly [peer: string]: string }
  absent: readonly string[]
  notes: { readonly [peer: string]: string }
  rounds: number
  jobs: number
  /** The 1-minute load average. */
  load: { before: number; after: number }
  /** Median seconds of programs that do nothing: what starting costs. */
  floor: { readonly [program: string]: number }
  results: readonly CaseResult[]
}

/** One peer in one phase: medians over the rounds; `perLoop` are medians of ratios to the execa loop, cold, of the same round. */
export interface Row {
  phase: string
  peer: string
  rounds: number
  outcome: Sample['outcome']
  wall: number
  wallMin: number
  wallPerLoop: number | undefined
  cpu: number | undefined
  cpuPerLoop: number | undefined
  peak: number | undefined
  executed: readonly number[]
  children: readonly number[]
  bytesHashed: readonly number[]
}

/** The rows of a case, by phase, in the order in which the peers were named. */
export function rowsOf(samples: readonly Sample[], loop: string): Row[] {
  const loops = new Map(
    samples.filter(({ peer, outcome }) => peer === loop && outcome === 'ok').map((sample) => [sample.round, sample]),
  )
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const name = JSON.stringify([sample.phase, sample.peer])
    groups.set(name, [...(groups.get(name) ?? []), sample])
  }
  return [...groups.values()].map((group) => {
    const { phase, peer } = group[0] as Sample
    const good = group.filter(({ outcome }) => outcome === 'ok')
    const counted = good.length > 0 ? good : group
    return {
      phase,
      peer,
      rounds: good.length,
      outcome: group.find(({ outcome }) => outcome !== 'ok')?.outcome ?? 'ok',
      wall: median(counted.map(({ wall }) => wall)) as number,
      wallMin: Math.min(...counted.map(({ wall }) => wall)),
      wallPerLoop: median(counted.flatMap(({ wall, round }) => ratio(wall, loops.get(round)?.wall))),
      cpu: median(counted.flatMap(({ cpu }) => cpu ?? [])),
      cpuPerLoop: median(counted.flatMap(({ cpu, round }) => ratio(cpu, loops.get(round)?.cpu))),
      peak: median(counted.flatMap(({ peak }) => peak ?? [])),
      executed: distinct(counted.map(({ executed }) => executed)),
      children: distinct(counted.flatMap(({ children }) => children ?? [])),
      bytesHashed: distinct(counted.flatMap(({ bytesHashed }) => bytesHashed ?? [])),
    }
  })
}

/** The measurement as Markdown. */
export function markdownOf(measurement: Measurement, peers: readonly string[], loop: string): string {
  const { machine, versions, absent, notes, rounds, jobs, load, floor, results } = measurement
  const { cores, processor, memory, node, kernel, fileSystem } = machine
  const named = Object.entries(versions).map(
    ([peer, version]) => `${peer} ${version}${notes[peer] === undefined ? '' : ` (${notes[peer]})`}`,
  )
  const floors = Object.entries(floor).map(([program, seconds]) => `\`${program}\` ${(seconds * 1000).toFixed(0)} ms`)
  return `${[
    '# One graph, several engines',
    [
      `${cores} cores (${processor}), ${(memory / 2 ** 30).toFixed(0)} GiB, Linux ${kernel}, ${fileSystem}, Node ${node}; ${jobs} commands at once; ${rounds} rounds in turn.`,
      `Load average ${load.before.toFixed(2)} before, ${load.after.toFixed(2)} after.`,
      `Starting what does nothing: ${floors.join(', ')}.`,
    ].join('\n'),
    `${named.join('; ')}.${absent.length > 0 ? ` Absent: ${absent.join(', ')}.` : ''}`,
    `Seconds are medians; "÷ loop" is the median of the ratios to the ${loop}, cold, in the same round. "Executed" is counted by the commands themselves; children and hashed bytes are what queryloom says of itself. CPU is user and system time of all processes; peak is the memory of the largest one.`,
    ...results.map((result) => caseText(result, peers, loop)),
  ].join('\n\n')}\n`
}

function caseText(
  { case: { name, title, phases }, samples, leftOut, failures }: CaseResult,
  peers: readonly string[],
  loop: string,
): string {
  const rows = rowsOf(samples, loop)
  const tables = phases.map((phase) => {
    const own = rows.filter((row) => row.phase === phase.name)
    own.sort((a, b) => peers.indexOf(a.peer) - peers.indexOf(b.peer))
    const least = phase.decides ? 'nothing is executed' : `at least ${phase.least} must be executed`
    return `### ${phase.name} (${least})\n\n${table(own)}`
  })
  const out = leftOut.map(({ peer, why }) => `${peer} was left out: ${why}.`)
  const failed = failures.map(({ peer, phase, said }) => `${peer} failed (${phase}): ${said}`)
  return [`## ${name}: ${title}`, ...tables, ...out, ...failed].join('\n\n')
}

const COLUMNS: readonly [title: string, cell: (row: Row) => string][] = [
  ['engine', ({ peer }) => peer],
  ['wall s', ({ wall, rounds }) => (rounds === 0 ? `> ${wall.toFixed(0)}` : seconds(wall))],
  ['min', ({ wallMin, rounds }) => (rounds === 0 ? '' : seconds(wallMin))],
  ['÷ loop', ({ wallPerLoop, rounds }) => (rounds === 0 ? '' : quotient(wallPerLoop))],
  ['CPU s', ({ cpu }) => (cpu === undefined ? '' : cpu.toFixed(2))],
  ['÷ loop', ({ cpuPerLoop }) => quotient(cpuPerLoop)],
  ['executed', ({ executed }) => executed.join(', ')],
  ['children', ({ children }) => children.join(', ')],
  ['hashed', ({ bytesHashed }) => bytesHashed.map(bytes).join(', ')],
  ['peak MiB', ({ peak }) => (peak === undefined ? '' : (peak / 2 ** 20).toFixed(0))],
  ['', ({ outcome }) => (outcome === 'ok' ? '' : outcome.toUpperCase())],
]

function table(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(COLUMNS.map(([title]) => title)),
    line(COLUMNS.map((_, at) => (at === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(COLUMNS.map(([, cell]) => cell(row)))),
  ].join('\n')
}

/** The line of what a program printed that most likely says why it failed, cut to a length for a table. */
export function failureIn(printed: string): string {
  const lines = printed.split('\n').filter((line) => line.trim() !== '')
  const line = lines.find((line) => /error: ?\S/i.test(line)) ?? lines.at(-1) ?? 'it printed nothing'
  return line.trim().slice(0, 200)
}

function ratio(value: number | undefined, by: number | undefined): number[] {
  return value === undefined || by === undefined || by === 0 ? [] : [value / by]
}

/** The middle value, or the mean of the two in the middle; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

function seconds(value: number): string {
  return value < 0.1 ? value.toFixed(3) : value.toFixed(2)
}

function quotient(value: number | undefined): string {
  return value === undefined ? '' : value < 0.1 ? value.toFixed(3) : value.toFixed(2)
}

function bytes(value: number): string {
  return value < 10_000
    ? `${value} B`
    : value < 10_000_000
      ? `${(value / 1024).toFixed(0)} KiB`
      : `${(value / 2 ** 20).toFixed(0)} MiB`
}
