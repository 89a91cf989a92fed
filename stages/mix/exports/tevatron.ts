import path from 'node:path'
import { IdTable } from '../../data/id-table.ts'
import { writeJsonl } from '../../data/jsonl.ts'
import type { Exporter } from './export.ts'

/**
 * Tevatron's rows (`query_id`, `query_text`, `positive_document_ids`, `negative_document_ids`) and the corpus that their
 * ids name (`docid`, `document_text`), with the passages of these rows only; `loadXxh()` must have been awaited.
 */
export async function tevatron(folder: string, split: 'train' | 'dev'): Promise<Exporter> {
  const rows = await writeJsonl(path.join(folder, `${split}.jsonl`))
  const corpus = await writeJsonl(path.join(folder, `${split}-corpus.jsonl`))
  const known = new IdTable()
  const idOf = async (passage: number, text: string): Promise<string> => {
    // Numbered by first use, so that ids follow from the rows.
    const next = known.size
    const number = known.add(String(passage), next)
    const docid = `p${number ?? next}`
    if (number === undefined) await corpus.write({ docid, document_text: text })
    return docid
  }
  return {
    async write({ anchor, positive, negatives, query_id, passages }) {
      const ids: string[] = []
      for (const [i, text] of [positive, ...negatives].entries()) ids.push(await idOf(passages[i] as number, text))
      await rows.write({
        query_id,
        query_text: anchor,
        positive_document_ids: ids.slice(0, 1),
        negative_document_ids: ids.slice(1),
      })
    },
    async close() {
      await rows.close()
      await corpus.close()
    },
  }
}
