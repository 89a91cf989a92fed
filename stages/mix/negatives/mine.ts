import type { Json, StageContext } from '../../define.ts'
import { openEncoder } from '../../retrieval/encoder.ts'
import type { Example, Examples } from '../examples.ts'
import type { KnownPositives } from '../known-positives.ts'
import type { MixOptions, NegativeOptions } from '../options.ts'
import type { Passages } from '../passages.ts'
import type { Corpus, SourceReader } from '../sources.ts'
import { bm25Ranker } from './bm25-ranker.ts'
import { denseRanker } from './dense-ranker.ts'
import { Miner } from './miner.ts'
import type { Ranker } from './ranking.ts'

/** Negatives of all rows. */
export interface Mining {
  /** Numbers of the passages that are the row's negatives. */
  negatives(row: number): number[]
  /** One for each corpus. */
  reports: readonly Json[]
}

/** Mines negatives for the rows, each in the corpus of its source; none where none are asked for. */
export async function mineNegatives(
  context: StageContext<MixOptions>,
  rows: readonly Example[],
  parts: { sources: SourceReader; examples: Examples; passages: Passages; known: KnownPositives },
): Promise<Mining> {
  const { options, signal, progress } = context
  const { negatives, seed } = options
  if (negatives === 'none') return { negatives: () => [], reports: [] }
  const { sources, examples, passages, known } = parts
  const miners = new Map<Corpus, Miner>()
  for (const corpus of sources.corpora.values()) {
    const own = rows.filter(({ row }) => sources.corpusOf(examples.source(row)) === corpus)
    if (own.length === 0) continue
    const ranker = await openRanker(negatives, corpus, passages, context)
    try {
      const miner = new Miner({
        corpus,
        corpusOf: (source) => sources.corpusOf(source),
        examples,
        passages,
        known,
        ranker,
        options: { seed, ...negatives },
      })
      await miner.mine(own, (done) => {
        signal.throwIfAborted()
        progress(done, own.length, 'negatives')
      })
      miners.set(corpus, miner)
    } finally {
      await ranker?.close()
    }
  }
  return {
    negatives(row) {
      const corpus = sources.corpusOf(examples.source(row))
      return corpus ? (miners.get(corpus)?.negatives(row) ?? []) : []
    },
    reports: [...miners.values()].map((miner) => miner.report() as unknown as Json),
  }
}

async function openRanker(
  { mine }: NegativeOptions,
  corpus: Corpus,
  passages: Passages,
  context: StageContext<MixOptions>,
): Promise<Ranker | undefined> {
  switch (mine) {
    case 'random':
      return undefined
    case 'bm25':
      return bm25Ranker(corpus, passages)
    case 'dense':
      return denseRanker(
        await openEncoder(context.inputs['negatives/model'], context),
        corpus,
        passages,
        context.signal,
      )
  }
}
