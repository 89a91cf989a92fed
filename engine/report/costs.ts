import type { Session } from '../session.ts'
import { type Projection, project } from './cost/projection.ts'
import { type Spent, spentOf } from './cost/spent.ts'

/** What models were asked so far, and what corpora of other sizes would take. */
export interface Costs {
  spent: Spent
  /** Smallest first; only of those sizes of which something is known. */
  projections: readonly Projection[]
}

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000]

/** Reads the ledger and projects from what was measured. */
export async function costsOf(session: Session): Promise<Costs> {
  const spent = spentOf(session)
  const projections: Projection[] = []
  if (spent.uses.length > 0)
    for (const passages of SIZES)
      projections.push(await project(session, { passages, perPassage: undefined, perHour: undefined }))
  return { spent, projections: projections.filter(({ totals }) => totals.length > 0) }
}
