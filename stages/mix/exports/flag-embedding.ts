import { writeJsonl } from '../../data/jsonl.ts'
import type { Exporter } from './export.ts'

/** FlagEmbedding's rows: `query`, `pos`, `neg`, and with a teacher `pos_scores` and `neg_scores`. */
export async function flagEmbedding(location: string): Promise<Exporter> {
  const writer = await writeJsonl(location)
  return {
    write: ({ anchor, positive, negatives, scores }) =>
      writer.write({
        query: anchor,
        pos: [positive],
        neg: negatives,
        ...(scores ? { pos_scores: scores.slice(0, 1), neg_scores: scores.slice(1) } : {}),
      }),
    close: () => writer.close(),
  }
}
