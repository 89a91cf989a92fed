import { intervalOf, replicatedMean } from '../../engine/util/statistics/replicated-mean.ts'
import { StageError } from '../define.ts'
import { type Comparison, headline } from './comparison.ts'
import { isMeasuredIn, type Measured, valuesOf } from './measured.ts'

/** A system by its label and, where it has several variants, values of its axes. */
interface Chosen {
  system: string
  [axis: string]: string | number | boolean
}

/** A sum of what systems score, others taken off, and between what it is claimed to lie. */
interface ClaimedDifference {
  plus: readonly Chosen[]
  minus: readonly Chosen[]
  above?: number
  below?: number
  metric?: string
}

/** A finding as it is claimed: all of its differences have to be as they are said to be. */
export interface ClaimOption {
  claim: string
  /** What it is one test of; `queryloom claims` puts tests of one finding together. */
  finding?: string
  all: readonly ClaimedDifference[]
}

type Verdict = 'holds' | 'does not hold' | 'undetermined'

/** One difference of a claim on one collection. */
interface CheckedDifference {
  plus: readonly string[]
  minus: readonly string[]
  metric: string
  above?: number
  below?: number
  /** With its 95 % interval over queries and trainings; undefined where one of the systems was not measured. */
  difference?: { mean: number; low: number; high: number }
  verdict: Verdict
  /** Why nothing can be said, where the interval alone is not the reason. */
  why?: string
}

/** What became of a claim on one collection. */
export interface CheckedClaim {
  claim: string
  finding?: string
  verdict: Verdict
  differences: readonly CheckedDifference[]
}

const FEWEST_SEEDS = 3

/**
 * A difference holds where its whole 95 % interval lies where it is claimed to lie, and does not where all of it lies
 * outside; a claim does as its differences do together. One training, or unequal steps, leave it undetermined.
 */
export function claimsOf(comparison: Comparison, claims: readonly ClaimOption[], primary: string): CheckedClaim[] {
  return claims.map(({ claim, finding, all }) => {
    const differences = all.map((one) => check(comparison, one, primary))
    const verdicts = differences.map(({ verdict }) => verdict)
    const verdict = verdicts.includes('does not hold')
      ? 'does not hold'
      : verdicts.includes('undetermined')
        ? 'undetermined'
        : 'holds'
    return { claim, ...(finding === undefined ? {} : { finding }), verdict, differences }
  })
}

function check(comparison: Comparison, claimed: ClaimedDifference, primary: string): CheckedDifference {
  const { above, below, metric = primary } = claimed
  const plus = claimed.plus.map((one) => find(comparison, one))
  const minus = claimed.minus.map((one) => find(comparison, one))
  const names = (sides: readonly (Measured | string)[]): string[] =>
    sides.map((one) => (typeof one === 'string' ? one : one.name))
  const said = {
    plus: names(plus),
    minus: names(minus),
    metric,
    ...(above === undefined ? {} : { above }),
    ...(below === undefined ? {} : { below }),
  }
  // With `--only` a part of a sweep is measured, and what can be said of it is.
  const absent = [...plus, ...minus].find((one) => typeof one === 'string')
  if (absent !== undefined) return { ...said, verdict: 'undetermined', why: `there is no ${absent}` }
  const [added, taken] = [plus, minus] as Measured[][] as [Measured[], Measured[]]
  const ids = headline(comparison)
  if (ids.length < 2) return { ...said, verdict: 'undetermined', why: 'too few queries' }
  const unmeasured = [...added, ...taken].find((one) => !isMeasuredIn(one, metric))
  if (unmeasured) return { ...said, verdict: 'undetermined', why: `${unmeasured.name} was not measured in ${metric}` }
  const values = signedSum(added, taken, ids, metric)
  const found = replicatedMean(values)
  const difference = { mean: found.mean, ...intervalOf(found) }
  const why = comparison.leaked ? 'training gave every query away' : unfair([...added, ...taken], values.length)
  if (why !== undefined) return { ...said, difference, verdict: 'undetermined', why }
  return { ...said, difference, verdict: verdictOf(difference, above, below) }
}

function verdictOf({ low, high }: { low: number; high: number }, above = -Infinity, below = Infinity): Verdict {
  if (low > above && high < below) return 'holds'
  return high <= above || low >= below ? 'does not hold' : 'undetermined'
}

/** Sums over systems, replicates by queries; trainings are paired by the values of their axes where all have several. */
function signedSum(
  plus: readonly Measured[],
  minus: readonly Measured[],
  ids: readonly string[],
  metric: string,
): number[][] {
  const several = [...plus, ...minus].filter(({ replicates }) => replicates.length > 1)
  const names = several[0]?.replicates.map(({ name }) => name) ?? ['']
  const common = names.filter((name) => several.every(({ replicates }) => replicates.some((r) => r.name === name)))
  // Seeds that share no name are still samples: they are then paired in their order.
  const least = Math.min(...several.map(({ replicates }) => replicates.length), Infinity)
  const paired = common.length > 1 || several.length === 0
  const count = paired ? common.length : least
  const rowsOf = (system: Measured): number[][] => {
    const { replicates } = system
    if (replicates.length === 1) return Array(count).fill(valuesOf(system, ids, metric)[0])
    const chosen = paired
      ? common.map((name) => replicates.find((one) => one.name === name)!)
      : replicates.slice(0, count)
    return valuesOf({ ...system, replicates: chosen }, ids, metric)
  }
  const signed = [...plus.map((one) => [1, rowsOf(one)] as const), ...minus.map((one) => [-1, rowsOf(one)] as const)]
  return Array.from({ length: count }, (_, r) =>
    ids.map((_id, q) => signed.reduce((sum, [sign, rows]) => sum + sign * rows[r]![q]!, 0)),
  )
}

/** `pairs`: trainings that the difference is over, which may be fewer than each system has. */
function unfair(systems: readonly Measured[], pairs: number): string | undefined {
  const trained = systems.filter(({ replicates }) => replicates.some(({ steps }) => steps))
  const counts = [pairs, ...trained.map(({ replicates }) => replicates.length)]
  if ((trained.length > 0 || pairs > 1) && Math.min(...counts) < FEWEST_SEEDS)
    return `fewer than ${FEWEST_SEEDS} trainings`
  const steps = new Set(trained.flatMap(({ replicates }) => replicates.flatMap((one) => one.steps || [])))
  return steps.size > 1 ? 'trained for different numbers of steps' : undefined
}

/** The system that is meant, or how it is called where it was not measured. */
function find({ systems, collection }: Comparison, { system: label, ...axes }: Chosen): Measured | string {
  const labelled = systems.filter(({ option }) => option.label === label)
  const fitting = labelled.filter(({ variant }) =>
    Object.entries(axes).every(([axis, value]) => variant[axis] === String(value)),
  )
  const [only, ...more] = fitting
  const shown = Object.entries(axes).map(([axis, value]) => `${axis}=${value}`)
  const name = shown.length === 0 ? label : `${label} [${shown.join(', ')}]`
  if (!only) return name
  if (more.length === 0) return only
  throw new StageError(`a claim speaks of ${fitting.length} systems on ${collection}: ${name}`, {
    where: 'claims',
    advice: `Name one by \`system\` and its axes: ${fitting.map((one) => one.name).join(', ')}.`,
  })
}
