import { IdTable } from '../../data/id-table.ts'
import { MinHashIndex } from '../../text/min-hash.ts'
import { NearDuplicateIndex } from '../../text/near-duplicates.ts'
import type { Candidate } from '../candidate.ts'
import type { DuplicateOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/**
 * Drops queries that repeat one that this step kept before: equal after normalisation, or with `near` by the Jaccard
 * index of their word sets. The score is the greatest index that reached the threshold (1 for equal), else 0. Equality
 * is that of XXH64: 24 to 48 bytes a query are held, and among a million queries a wrong drop is 3e-8 likely.
 */
export function duplicateStep({ near, near_by = 'exact', within = 'all' }: DuplicateOptions): Step {
  const exact = new IdTable()
  const indexes = new Map<string, (candidate: Candidate) => number>()
  return {
    name: 'duplicate',
    judge: each((candidate) => {
      const scope = within === 'all' ? '' : candidate.passage._id
      const key = `${scope}\t${candidate.normalised}`
      if (near === undefined)
        return exact.add(key, 0) === undefined ? { keep: true, score: 0 } : { keep: false, score: 1 }
      if (exact.has(key)) return { keep: false, score: 1 }
      let greatest = indexes.get(scope)
      if (!greatest) {
        greatest = near_by === 'minhash' ? sketched(near) : counted(near)
        indexes.set(scope, greatest)
      }
      const score = greatest(candidate)
      if (score > 0) return { keep: false, score }
      exact.add(key, 0)
      return { keep: true, score: 0 }
    }),
  }
}

function sketched(near: number): (candidate: Candidate) => number {
  const index = new MinHashIndex(near)
  return ({ words }) => index.addUnlessNear(words)
}

function counted(near: number): (candidate: Candidate) => number {
  const index = new NearDuplicateIndex()
  return ({ pair }) => {
    const [closest] = index.query(pair.query, near)
    if (closest) return closest.jaccard
    index.add('', pair.query)
    return 0
  }
}
