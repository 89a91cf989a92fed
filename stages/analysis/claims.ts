import { intervalOf, replicatedMean } from '../../engine/util/statistics/replicated-mean.ts'
import { StageError } from '../define.ts'
import { type Comparison, headline } from './comparison.ts'
import { type Measured, valuesOf } from './measured.ts'

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
  difference: number
  /** 95 %, over queries and trainings. */
  low: number
  high: number
  verdict: Verdict
  /** Why nothing can be said, where the interval alone is not the reason. */
  why?: string
}

/** What became of a claim on one collection. */
export interface CheckedClaim {
  claim: string
  verdict: Verdict
  differences: readonly CheckedDifference[]
}

const FEWEST_SEEDS = 3

/**
 * A difference holds where its whole 95 % interval lies where it is claimed to lie, and does not where all of it lies
 * outside; a claim does as its differences do together. One training, or unequal steps, leave it undetermined.
 */
export function claimsOf(comparison: Comparison, claims: readonly ClaimOption[], primary: string): CheckedClaim[] {
  return claims.map(({ claim, all }) => {
    const differences = all.map((one) => check(comparison, one, primary))
    const verdicts = differences.map(({ verdict }) => verdict)
    const verdict = verdicts.includes('does not hold')
      ? 'does not hold'
      : verdicts.includes('undetermined')
        ? 'undetermined'
        : 'holds'
    return { claim, verdict, differences }
  })
}

function check(comparison: Comparison, claimed: ClaimedDifference, primary: string): CheckedDifference {
  const { above, below, metric = primary } = claimed
  const plus = claimed.plus.map((one) => find(comparison, one))
  const minus = claimed.minus.map((one) => find(comparison, one))
  const ids = headline(comparison)
  const found = replicatedMean(signedSum(plus, minus, ids, metric))
  const { low, high } = ids.length < 2 ? { low: Number.NEGATIVE_INFINITY, high: Infinity } : intervalOf(found)
  const why = ids.length < 2 ? 'too few queries' : unfair([...plus, ...minus])
  return {
    plus: plus.map(({ name }) => name),
    minus: minus.map(({ name }) => name),
    metric,
    ...(above === undefined ? {} : { above }),
    ...(below === undefined ? {} : { below }),
    difference: found.mean,
    low,
    high,
    verdict: why === undefined ? verdictOf({ low, high }, above, below) : 'undetermined',
    ...(why === undefined ? {} : { why }),
  }
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
  const count = common.length > 0 ? common.length : least
  const rowsOf = (system: Measured): number[][] => {
    const { replicates } = system
    if (replicates.length === 1) return Array(count).fill(valuesOf(system, ids, metric)[0])
    const chosen =
      common.length > 0
        ? common.map((name) => replicates.find((one) => one.name === name)!)
        : replicates.slice(0, count)
    return valuesOf({ ...system, replicates: chosen }, ids, metric)
  }
  const signed = [...plus.map((one) => [1, rowsOf(one)] as const), ...minus.map((one) => [-1, rowsOf(one)] as const)]
  return Array.from({ length: count }, (_, r) =>
    ids.map((_id, q) => signed.reduce((sum, [sign, rows]) => sum + sign * rows[r]![q]!, 0)),
  )
}

function unfair(systems: readonly Measured[]): string | undefined {
  const seeds = Math.max(...systems.map(({ replicates }) => replicates.length))
  const trained = systems.filter(({ replicates }) => replicates.some(({ steps }) => steps))
  if (trained.length > 0 && Math.min(...trained.map(({ replicates }) => replicates.length)) < FEWEST_SEEDS)
    return `fewer than ${FEWEST_SEEDS} trainings`
  if (trained.length === 0 && seeds > 1 && seeds < FEWEST_SEEDS) return `fewer than ${FEWEST_SEEDS} trainings`
  const steps = new Set(trained.flatMap(({ replicates }) => replicates.flatMap((one) => one.steps || [])))
  return steps.size > 1 ? 'trained for different numbers of steps' : undefined
}

function find({ systems, collection }: Comparison, { system: label, ...axes }: Chosen): Measured {
  const labelled = systems.filter(({ option }) => option.label === label)
  const fitting = labelled.filter(({ variant }) =>
    Object.entries(axes).every(([axis, value]) => variant[axis] === String(value)),
  )
  const [only, ...more] = fitting
  if (only && more.length === 0) return only
  const wanted = [label, ...Object.entries(axes).map(([axis, value]) => `${axis}=${value}`)].join(', ')
  throw new StageError(
    `a claim speaks of ${fitting.length === 0 ? 'no system' : `${fitting.length} systems`} on ${collection}: ${wanted}`,
    {
      where: 'claims',
      advice: `Name one by \`system\` and its axes: ${labelled.map(({ name }) => name).join(', ')}.`,
    },
  )
}
