import type { NodeId } from '../plan/node.ts'
import { type Analysis, analysisOf } from './analysis.ts'
import type { Newest } from './newest.ts'
import type { ResultSource } from './scored-nodes.ts'

/** The newest output of an `analysis` stage. */
export interface NewestAnalysis extends Pick<Analysis, 'metrics' | 'collections'> {
  node: NodeId
  fresh: boolean
  /** Signs that a number does not mean what it seems to, or that augmentation went wrong, in sentences. */
  signs: readonly string[]
}

/** Reads the newest analyses, in the order of the graph; what is not stored whole is left out. */
export async function readAnalyses(newest: Newest, { store }: Pick<ResultSource, 'store'>): Promise<NewestAnalysis[]> {
  const found: NewestAnalysis[] = []
  for (const { node, record, fresh } of newest.values()) {
    const analysis = await analysisOf(record, store.blobs)
    if (!analysis) continue
    const { metrics, collections } = analysis
    const { warnings = [] } = (record.summary ?? {}) as { warnings?: readonly string[] }
    found.push({ node: node.id, fresh, metrics, collections, signs: warnings })
  }
  return found
}
