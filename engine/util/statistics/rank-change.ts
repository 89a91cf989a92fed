import { intervalOf, replicatedMean } from './replicated-mean.ts'

/** How far a metric moves between two systems: on average with a 90 % interval, and in each replicate. */
export interface Change {
  mean: number
  low: number
  high: number
  each: readonly number[]
}

/** Sums up differences, replicates by queries. */
export function changeOf(differences: readonly (readonly number[])[]): Change {
  const found = replicatedMean(differences)
  const each = differences.map((row) => row.reduce((sum, value) => sum + value, 0) / Math.max(1, row.length))
  return { mean: found.mean, ...intervalOf(found, 0.9), each }
}

/** Whether more relevant passages are found at all while fewer stand on top: in every replicate, and beyond chance. */
export function findsMoreRanksWorse(recall: Change, ndcg: Change): boolean {
  return recall.each.every((one) => one > 0) && ndcg.each.every((one) => one < 0) && recall.low > 0 && ndcg.high < 0
}
