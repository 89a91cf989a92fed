import { type Comparison, headline } from './comparison.ts'
import { scoreOf } from './macro.ts'

/** What augmentation brings to a retriever, beside how strong it was before. */
export interface Rung {
  rung: string
  system: string
  before: number
  after: number
  gain: number
  /** Share of what was missing to a perfect score. */
  ofHeadroom: number
  collection: string
  queries: number
}

/** The rungs that systems are declared to be, weakest before augmentation first. */
export function ladderOf(comparison: Comparison, metric: string): Rung[] {
  const rungs = comparison.systems.flatMap((system): Rung[] => {
    const { ladder } = system.option
    if (!ladder) return []
    const plain = comparison.systems.find(
      ({ option, variant }) =>
        option.label === ladder.of &&
        Object.entries(variant).every(([axis, value]) => (system.variant[axis] ?? value) === value),
    )
    if (!plain) return []
    const before = scoreOf(comparison, plain, metric)
    const after = scoreOf(comparison, system, metric)
    const gain = after - before
    const { collection } = comparison
    const queries = headline(comparison).length
    const ofHeadroom = before >= 1 ? 0 : gain / (1 - before)
    return [{ rung: ladder.rung, system: system.name, before, after, gain, ofHeadroom, collection, queries }]
  })
  return rungs.sort((a, b) => a.before - b.before)
}
