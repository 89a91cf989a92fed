import { loadXxh } from '../../cache/xxh.ts'
import { readCorpus } from '../data/beir.ts'
import { IdTable } from '../data/id-table.ts'
import { corpusOf } from '../data/inputs.ts'
import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Passage } from '../data/rows.ts'
import { type StageContext, StageError } from '../define.ts'
import type { Hit } from '../retrieval/top-k.ts'
import { PassageNotes } from './integrity.ts'
import type { EvalOptions } from './stage-options.ts'

/** What is searched. */
export interface Corpus {
  /** Passages that are searched. */
  size: number
  /** Ids of what is judged: passages of the collection. */
  known: { readonly size: number; has(id: string): boolean }
  /** What the passages of the collection are like. */
  notes: PassageNotes
  /** The passages, streamed. */
  read(): AsyncIterable<Passage>
  /** Passages that must be fetched so that `documents` distinct documents are surely among them. */
  depthFor(documents: number): number
  /** A ranking of passages as one of documents, each at the place of its best passage. */
  toDocuments(hits: readonly Hit[]): Hit[]
}

/**
 * The passages of the dataset, or those given instead, whose documents must be in the dataset. Reads them once.
 */
export async function openCorpus({ inputs }: StageContext<EvalOptions>): Promise<Corpus> {
  await loadXxh()
  const collection = corpusOf(inputs.dataset)
  const known = new IdTable()
  const notes = new PassageNotes()
  for await (const passage of readCorpus(collection)) {
    known.add(passage._id, known.size)
    notes.add(passage)
  }
  if (!inputs.passages)
    return {
      size: known.size,
      known,
      notes,
      read: () => readCorpus(collection),
      depthFor: (documents) => documents,
      toDocuments: (hits) => [...hits],
    }

  const file = fileOf(inputs.passages, FILES.passages)
  const documentOf = new Map<string, string>()
  const sizes = new Map<string, number>()
  let size = 0
  for await (const { row, line } of readJsonl<Passage>(file.location, FILES.passages)) {
    size++
    const document = row.doc_id ?? row._id
    if (document !== row._id) documentOf.set(row._id, document)
    sizes.set(document, (sizes.get(document) ?? 0) + 1)
    if (!known.has(document))
      throw new StageError(`document ${JSON.stringify(document)} is not in the collection that is judged`, {
        where: `${FILES.passages}:${line}`,
        advice: 'The passages must have been made from the dataset that `dataset` names.',
      })
  }
  const largest = [...sizes.values()].sort((a, b) => b - a)
  return {
    size,
    known,
    notes,
    async *read() {
      for await (const { row } of readJsonl<Passage>(file.location, FILES.passages)) yield row
    },
    depthFor: (documents) => {
      // At worst the largest documents come first, with all of their passages.
      let passages = 1
      for (const size of largest.slice(0, documents - 1)) passages += size
      return Math.min(passages, Math.max(size, 1))
    },
    toDocuments(hits) {
      const seen = new Set<string>()
      const documents: Hit[] = []
      for (const { id, score } of hits) {
        const document = documentOf.get(id) ?? id
        if (seen.has(document)) continue
        seen.add(document)
        documents.push({ id: document, score })
      }
      return documents
    },
  }
}
