import path from 'node:path'
import { readCorpus, readQueries } from '../../../stages/data/beir.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import { passageText } from '../../../stages/data/rows.ts'
import type { SourceFile } from '../../../stages/define.ts'
import { denseSearch } from '../../../stages/retrieval/dense-search.ts'
import { parseMetric } from '../../../stages/retrieval/metric-name.ts'
import { evaluateRun, mean } from '../../../stages/retrieval/metrics.ts'
import type { StaticModel } from '../../../stages/retrieval/static-model.ts'

/** Judgements by query, then by passage. */
export type Judged = ReadonlyMap<string, ReadonlyMap<string, number>>

/** A row of training data without negatives. */
interface Pair {
  anchor: string
  positive: string
}

/** A collection in memory, as much of it as a bench needs. */
export interface Collection {
  corpus: SourceFile
  judged(split: string): Promise<Judged>
  /** The judgements as pairs of texts, in their order. */
  pairs(judged: Judged): Pair[]
  /** Mean nDCG@10 of a model on some queries, over the whole corpus. */
  score(model: StaticModel, judged: Judged): Promise<number>
}

/** Reads a BEIR folder. */
export async function readCollection(folder: string): Promise<Collection> {
  const file = (...parts: string[]): SourceFile =>
    ({ location: path.resolve(folder, ...parts), digest: '' }) as unknown as SourceFile
  const corpus = file('corpus.jsonl')
  const passages = new Map<string, string>()
  for await (const passage of readCorpus(corpus)) passages.set(passage._id, passageText(passage))
  const queries = new Map<string, string>()
  for await (const query of readQueries(file('queries.jsonl'))) queries.set(query._id, query.text)
  const metric = parseMetric('ndcg@10')
  return {
    corpus,
    async judged(split) {
      const judged = new Map<string, Map<string, number>>()
      for await (const { query, passage, relevance } of readQrels(file('qrels', `${split}.tsv`)))
        if (relevance > 0) judged.set(query, (judged.get(query) ?? new Map()).set(passage, relevance))
      return judged
    },
    pairs: (judged) =>
      [...judged].flatMap(([query, of]) =>
        [...of.keys()].map((passage) => ({ anchor: queries.get(query)!, positive: passages.get(passage)! })),
      ),
    async score(model, judged) {
      const asked = [...judged.keys()]
      const block = { ids: [...passages.keys()], vectors: model.encode([...passages.values()], 'passage') }
      const vectors = model.encode(
        asked.map((id) => queries.get(id)!),
        'query',
      )
      const hits = await denseSearch({ ids: asked, vectors }, once(block), model.dimensions, 100, { by: 'plain' })
      const run = new Map(asked.map((id, i) => [id, hits[i]!]))
      return mean([...evaluateRun(run, judged, [metric]).values()].map(([value]) => value!))
    },
  }
}

async function* once<Value>(value: Value): AsyncGenerator<Value> {
  yield value
}
