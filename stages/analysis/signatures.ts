import { type Change, changeOf, findsMoreRanksWorse } from '../../engine/util/statistics/rank-change.ts'
import { type Comparison, headline } from './comparison.ts'
import { differencesOf, type Tested } from './contrasts.ts'
import { average } from './figures.ts'
import { isLeaked, type Measured } from './measured.ts'
import { type PairSignals, pairSignals } from './pair-signals.ts'

/** A sign that a number does not mean what it seems to, or that augmentation went wrong. */
export type Signature =
  /** More relevant passages are found at all, and fewer stand on top; in every replicate. */
  | { kind: 'recall-up-ndcg-down'; system: string; than: string; recall: number; ndcg: number; collection: string }
  /** One kind of task loses by at least .05 in every replicate, while the others together do not lose. */
  | { kind: 'task-group-collapse'; system: string; than: string; group: string; difference: number; others: number }
  /** Many queries fit many passages. */
  | { kind: 'over-general-queries'; system: string; general: number; repeated: number; contentWords: number }
  /** Queries have no more in common with their own passages than with others. */
  | { kind: 'shuffled-pairs'; system: string; ownOverlap: number; otherOverlap: number }
  /** Queries that training gives away are among those measured; conclusions rest on the others. */
  | { kind: 'leaked-queries'; collection: string; leaked: number; queries: number }
  /** Systems were trained for different numbers of steps. */
  | { kind: 'unequal-steps'; from: number; to: number; systems: readonly [string, string] }

const COLLAPSE = 0.05
const GENERAL_SHARE = 0.1
const REPEATED_SHARE = 0.2
const NEARER_BY = 0.1

/** Signs that show in what two systems score; named only if they hold in every replicate, and beyond chance. */
export function metricSignatures(
  comparison: Comparison,
  tested: readonly Tested[],
  metrics: readonly string[],
): Signature[] {
  const recall = metrics.find((metric) => metric.startsWith('recall@'))
  const ndcg = metrics.find((metric) => metric.startsWith('ndcg@'))
  if (recall === undefined || ndcg === undefined) return []
  const ids = headline(comparison)
  return tested.flatMap(({ a, b }): Signature[] => {
    const up = changeBetween(a, b, ids, recall)
    const down = changeBetween(a, b, ids, ndcg)
    if (!findsMoreRanksWorse(up, down)) return []
    const { collection } = comparison
    return [{ kind: 'recall-up-ndcg-down', system: a.name, than: b.name, recall: up.mean, ndcg: down.mean, collection }]
  })
}

/** Kinds of tasks that a system loses on while it wins on the rest, over comparisons of several collections. */
export function groupSignatures(
  comparisons: readonly Comparison[],
  testedIn: (comparison: Comparison) => readonly Tested[],
  metric: string,
): Signature[] {
  const changes = new Map<string, { system: string; than: string; group: string; means: number[]; each: number[] }[]>()
  for (const comparison of comparisons)
    for (const { a, b } of testedIn(comparison)) {
      const group = a.replicates[0]!.scores.task_group
      if (group === undefined) continue
      const { mean, each } = changeBetween(a, b, headline(comparison), metric)
      const pair = JSON.stringify([a.name, b.name])
      const known = changes.get(pair) ?? []
      const there = known.find((one) => one.group === group)
      if (there) {
        there.means.push(mean)
        there.each.push(...each)
      } else known.push({ system: a.name, than: b.name, group, means: [mean], each: [...each] })
      changes.set(pair, known)
    }
  return [...changes.values()].flatMap((groups) =>
    groups.flatMap((one): Signature[] => {
      const rest = groups.filter((other) => other !== one).flatMap(({ means }) => means)
      if (rest.length === 0) return []
      const others = average(rest)
      const difference = average(one.means)
      if (difference > -COLLAPSE || one.each.some((value) => value > -COLLAPSE) || others < 0) return []
      const { system, than, group } = one
      return [{ kind: 'task-group-collapse', system, than, group, difference, others }]
    }),
  )
}

/** What the queries that systems were trained on show, by system. */
export async function querySignatures(
  measured: readonly Measured[],
): Promise<{ signatures: Signature[]; signals: ReadonlyMap<string, PairSignals> }> {
  const signatures: Signature[] = []
  const signals = new Map<string, PairSignals>()
  const read = new Map<string, PairSignals | undefined>()
  for (const { name, replicates } of measured) {
    const pairs = replicates.find((one) => one.pairs)?.pairs
    if (pairs?.type !== 'artifact' || signals.has(name)) continue
    if (!read.has(pairs.digest)) read.set(pairs.digest, await pairSignals(pairs))
    const found = read.get(pairs.digest)
    if (!found) continue
    signals.set(name, found)
    const { general, repeated, contentWords, ownOverlap, otherOverlap } = found
    if (general >= GENERAL_SHARE || repeated >= REPEATED_SHARE)
      signatures.push({ kind: 'over-general-queries', system: name, general, repeated, contentWords })
    // Queries without any word of content are like no passage, and are told of above.
    else if (ownOverlap < otherOverlap + NEARER_BY)
      signatures.push({ kind: 'shuffled-pairs', system: name, ownOverlap, otherOverlap })
  }
  return { signatures, signals }
}

/** Whether the systems of a comparison were measured and trained alike. */
export function fairnessSignatures({ collection, systems, all }: Comparison): Signature[] {
  const signatures: Signature[] = []
  const replicates = systems.flatMap((system) => system.replicates.map((one) => ({ system, ...one })))
  const leaked = all.filter((id) => replicates.some(({ queries }) => isLeaked(queries.get(id)!))).length
  if (leaked > 0) signatures.push({ kind: 'leaked-queries', collection, leaked, queries: all.length })
  // A system before its training has no steps, and is meant to have none.
  const trained = replicates.flatMap(({ system, steps }) => (steps ? [{ name: system.name, steps }] : []))
  const sorted = trained.sort((a, b) => a.steps - b.steps)
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (first && last && first.steps !== last.steps)
    signatures.push({ kind: 'unequal-steps', from: first.steps, to: last.steps, systems: [first.name, last.name] })
  return signatures
}

function changeBetween(a: Measured, b: Measured, ids: readonly string[], metric: string): Change {
  return changeOf(differencesOf(a, b, ids, metric))
}
