import { inputsAt } from '../../data/inputs.ts'
import type { Json, StageContext } from '../../define.ts'
import { haltOf } from '../../halt.ts'
import { openEncoder } from '../../retrieval/encoder.ts'
import type { Example, Examples } from '../examples.ts'
import type { KnownPositives } from '../known-positives.ts'
import type { MixOptions, NegativeOptions } from '../options.ts'
import type { Passages } from '../passages.ts'
import type { Corpus, SourceReader } from '../sources.ts'
import { bm25Ranker } from './bm25-ranker.ts'
import { denseRanker } from './dense-ranker.ts'
import { judgeNegatives } from './judge-negatives.ts'
import { KeptRankings } from './kept-rankings.ts'
import { Miner } from './miner.ts'
import type { Ranker } from './ranking.ts'
import { BM25, encoderIdentity } from './retriever-identity.ts'
import { WrittenNegativesOfPairs } from './written.ts'

/** Negatives of all rows. */
export interface Mining {
  /** Numbers of the passages that are the row's negatives. */
  negatives(row: number): number[]
  /** One for each corpus. */
  reports(): readonly Json[]
  /** Passages that were mined as negatives, and answer the query after all. */
  positives: readonly Example[]
  /** Candidates that another run may be able to judge. */
  incomplete: number
}

const NOTHING: Mining = { negatives: () => [], reports: () => [], positives: [], incomplete: 0 }

/** Finds negatives for the rows, each in the corpus of its source; none where none are asked for. */
export async function findNegatives(
  context: StageContext<MixOptions>,
  rows: readonly Example[],
  parts: { sources: SourceReader; examples: Examples; passages: Passages; known: KnownPositives },
): Promise<Mining> {
  const { negatives } = context.options
  if (negatives === 'none') return NOTHING
  if (!('from' in negatives)) return mineAll(context, rows, negatives, parts)
  const written = await WrittenNegativesOfPairs.read(inputsAt(context.inputs, 'negatives/from'), {
    ...parts,
    perQuery: negatives.per_query ?? 1,
  })
  return { ...NOTHING, negatives: (row) => written.negatives(row), reports: () => [{ written: written.report() }] }
}

async function mineAll(
  context: StageContext<MixOptions>,
  rows: readonly Example[],
  negatives: NegativeOptions,
  parts: { sources: SourceReader; examples: Examples; passages: Passages; known: KnownPositives },
): Promise<Mining> {
  const { sources, examples, passages, known } = parts
  const { signal, progress } = context
  const miners = new Map<Corpus, Miner>()
  const reports: (() => Json)[] = []
  const positives: Example[] = []
  let incomplete = 0
  for (const corpus of sources.corpora.values()) {
    const own = rows.filter(({ row }) => sources.corpusOf(examples.source(row)) === corpus)
    if (own.length === 0) continue
    const options = { seed: context.options.seed, ...negatives }
    const corpusOf = (source: number): Corpus | undefined => sources.corpusOf(source)
    const ranker = await openRanker(negatives, corpus, passages, context)
    const miner = new Miner({ corpus, corpusOf, examples, passages, known, ranker, options })
    try {
      await miner.mine(own, (done) => {
        signal.throwIfAborted()
        progress(done, own.length, 'negatives')
      })
    } finally {
      await ranker?.close()
    }
    miners.set(corpus, miner)
    const { judge, per_query = 1 } = negatives
    const judged = judge && (await judgeNegatives(context, miner, per_query, judge, parts))
    if (judged && judge.mode === 'relabel') positives.push(...judged.positives)
    incomplete += judged?.incomplete ?? 0
    reports.push(
      () => ({ ...(miner.report() as unknown as object), ...(judged ? { judge: { ...judged.facts } } : {}) }) as Json,
    )
  }
  return {
    negatives(row) {
      const corpus = sources.corpusOf(examples.source(row))
      return corpus ? (miners.get(corpus)?.negatives(row) ?? []) : []
    },
    reports: () => reports.map((report) => report()),
    positives,
    incomplete,
  }
}

async function openRanker(
  { mine, depth = 100 }: NegativeOptions,
  corpus: Corpus,
  passages: Passages,
  { inputs, embeddings, ...context }: StageContext<MixOptions>,
): Promise<Ranker | undefined> {
  switch (mine) {
    case 'random':
      return undefined
    case 'bm25':
      return bm25Ranker(corpus, passages, await KeptRankings.open(embeddings, BM25, corpus, depth), depth)
    case 'dense': {
      const input = inputs['negatives/model']
      const rankings = await KeptRankings.open(embeddings, await encoderIdentity(input), corpus, depth)
      const encoder = await openEncoder(input, { embeddings, ...context })
      return denseRanker(encoder, corpus, passages, rankings, { depth, signal: haltOf(context) })
    }
  }
}
