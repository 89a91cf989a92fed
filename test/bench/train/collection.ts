import path from 'node:path'
import { readCorpus, readQueries } from '../../../stages/data/beir.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import { passageText } from '../../../stages/data/rows.ts'
import type { SourceFile } from '../../../stages/define.ts'
import { denseSearch } from '../../../stages/retrieval/dense-search.ts'
import { parseMetric } from '../../../stages/retrieval/metric-name.ts'
import { evaluateRun, mean } from '../../../stages/retrieval/metrics.ts'
import type { StaticModel } from '../../../stages/retrieval/static-model.ts'

/** A collection in memory, as much of it as a bench needs. */
export interface Collection {
  corpus: SourceFile
  /** Texts of passages by id. */
  passages: ReadonlyMap<string, string>
  /** Labelled pairs of the train split. */
  rows: readonly { anchor: string; positive: string }[]
  /** Mean nDCG@10 of a model on the test split. */
  score(model: StaticModel): Promise<number>
}

/** Reads a BEIR folder with a train split. */
export async function readCollection(folder: string): Promise<Collection> {
  const file = (...parts: string[]): SourceFile =>
    ({ location: path.resolve(folder, ...parts), digest: '' }) as unknown as SourceFile
  const corpus = file('corpus.jsonl')
  const passages = new Map<string, string>()
  for await (const passage of readCorpus(corpus)) passages.set(passage._id, passageText(passage))
  const queries = new Map<string, string>()
  for await (const query of readQueries(file('queries.jsonl'))) queries.set(query._id, query.text)
  const rows: { anchor: string; positive: string }[] = []
  for await (const { query, passage, relevance } of readQrels(file('qrels', 'train.tsv')))
    if (relevance > 0) rows.push({ anchor: queries.get(query)!, positive: passages.get(passage)! })
  const qrels = new Map<string, Map<string, number>>()
  for await (const { query, passage, relevance } of readQrels(file('qrels', 'test.tsv')))
    qrels.set(query, (qrels.get(query) ?? new Map()).set(passage, relevance))
  const asked = [...qrels.keys()]
  const metric = parseMetric('ndcg@10')
  return {
    corpus,
    passages,
    rows,
    async score(model) {
      const ids = [...passages.keys()]
      const block = { ids, vectors: model.encode([...passages.values()], 'passage') }
      const vectors = model.encode(
        asked.map((id) => queries.get(id)!),
        'query',
      )
      const hits = await denseSearch({ ids: asked, vectors }, once(block), model.dimensions, 100, { by: 'plain' })
      const run = new Map(asked.map((id, i) => [id, hits[i]!]))
      return mean([...evaluateRun(run, qrels, [metric]).values()].map(([value]) => value!))
    },
  }
}

async function* once<Value>(value: Value): AsyncGenerator<Value> {
  yield value
}
