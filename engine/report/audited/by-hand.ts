import { openLabelLog } from '../../../cache/label-log.ts'
import type { Session } from '../../session.ts'
import { countsOf, detailsOf, type Newest } from '../newest.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { auditedOutput, sourceOf } from './sources.ts'

/** An estimate with its 95 % interval; null where nothing tells it. */
interface Estimated {
  value: number | null
  low: number | null
  high: number | null
}

/** What a judge stage left: who judged, and how far model and people agree. */
export interface JudgedPool {
  node: string
  counts: { readonly [name: string]: number }
  circular: boolean
  agreement: { pairs: number; queries: number; weighted_kappa: Estimated; relevance_kappa: Estimated } | null
  /** The least judged of the runs: its share of first ten that is judged. */
  least_judged_at_10: number | null
}

/** What people said, as the store has it now, and what judge stages made of it. */
export interface ByHand {
  queries: readonly Outcome[]
  pools: readonly JudgedPool[]
}

/** Reads what people said of the newest results; nothing is read where they said nothing. */
export async function readByHand(session: Session, newest: Newest): Promise<ByHand> {
  const pools = [...newest.values()].flatMap((result): JudgedPool[] => {
    if (!Object.values(result.node.outputs).includes('qrels')) return []
    const { agreement, holes, circular } = detailsOf(result) as {
      agreement?: JudgedPool['agreement']
      holes?: readonly { judged_at_10: number }[]
      circular?: boolean
    }
    const shares = (holes ?? []).map(({ judged_at_10 }) => judged_at_10)
    return [
      {
        node: result.node.id,
        counts: countsOf(result),
        circular: circular ?? false,
        agreement: agreement ?? null,
        least_judged_at_10: shares.length === 0 ? null : Math.min(...shares),
      },
    ]
  })
  return { queries: await readQueries(session, newest), pools }
}

async function readQueries(session: Session, newest: Newest): Promise<Outcome[]> {
  const log = openLabelLog(session.store.root)
  try {
    const known = log.all('labels')
    const audits = known.size === 0 ? undefined : await session.registry.audits?.()
    if (!audits) return []
    const queries = new Set([...known.values()].map(({ query }) => query))
    const outcomes: Outcome[] = []
    for (const { node } of newest.values()) {
      const source = auditedOutput(node)?.form === 'labels' ? sourceOf(session, node) : undefined
      if (!source) continue
      const outcome = outcomeOf(node.id, 'labels', await audits.keysOf(source, queries), known)
      if (outcome.judged > 0) outcomes.push(outcome)
    }
    return outcomes
  } finally {
    log.close()
  }
}
