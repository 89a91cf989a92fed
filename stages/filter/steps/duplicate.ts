import { NearDuplicateIndex } from '../../text/near-duplicates.ts'
import { normalise } from '../../text/normalise.ts'
import type { DuplicateOptions } from '../stage.ts'
import type { Step } from './step.ts'

/**
 * Drops queries that repeat one that this step kept before: equal after normalisation, or with `near` by the Jaccard
 * index of their word sets. The score is the greatest index that reached the threshold (1 for equal), else 0.
 */
export function duplicateStep({ near, within = 'all' }: DuplicateOptions): Step {
  const exact = new Set<string>()
  const indexes = new Map<string, NearDuplicateIndex>()
  return {
    name: 'duplicate',
    judge({ query, passage_id }) {
      const scope = within === 'all' ? '' : passage_id
      const form = normalise(query)
      const key = `${scope}\t${form}`
      if (exact.has(key)) return { keep: false, score: 1 }
      if (near !== undefined) {
        let index = indexes.get(scope)
        if (!index) {
          index = new NearDuplicateIndex()
          indexes.set(scope, index)
        }
        const [closest] = index.query(query, near)
        if (closest) return { keep: false, score: closest.jaccard }
        index.add('', query)
      }
      exact.add(key)
      return { keep: true, score: 0 }
    },
  }
}
