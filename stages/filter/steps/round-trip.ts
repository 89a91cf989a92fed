import { type SourceFile, type StageContext, StageError, type StageInput } from '../../define.ts'
import type { Hit } from '../../retrieval/top-k.ts'
import { foldOf } from '../../text/fold.ts'
import type { Candidate } from '../candidate.ts'
import { Scores } from '../cut.ts'
import type { RoundTripOptions } from '../options.ts'
import { CorpusSearcher } from '../searcher.ts'
import type { Step, Verdict } from './step.ts'

/**
 * Keeps a pair if its passage is found again: among the `top_k` passages of the whole corpus for the query there is
 * the source passage, or one with nearly the same words. The score is the rank of the first such passage from 1, null
 * if there is none (round-trip consistency of Promptagator). With folds, a pair is searched for by the encoder that was
 * not trained on its passage.
 */
export async function roundTripStep(
  { top_k, near = 0.9, cross_fit }: RoundTripOptions,
  context: StageContext<unknown>,
  { at, corpus, encoders }: { at: number; corpus: SourceFile; encoders: readonly StageInput[] },
): Promise<Step> {
  requireFolds(cross_fit, encoders.length)
  const searcher = await CorpusSearcher.open(context, { corpus, encoders, top_k, step: `${at}/round_trip` })
  const counts = { found: 0, found_first: 0, found_by_near_duplicate: 0, missed: 0 }
  const verdictOf = (source: string, hits: readonly Hit[]): Verdict => {
    const rank = hits.findIndex(({ id }) => id === source || searcher.sketch.jaccard(source, id) >= near)
    if (rank === -1) {
      counts.missed++
      return { keep: false, score: null }
    }
    counts.found++
    if (rank === 0) counts.found_first++
    if (hits[rank]?.id !== source) counts.found_by_near_duplicate++
    return { keep: true, score: rank + 1 }
  }
  const shared = {
    name: 'round_trip',
    facts: () => ({ ...(encoders.length > 0 ? searcher.facts : {}), ...counts }),
    close: async () => searcher.close(),
  }
  if (searcher.atOnce)
    return {
      ...shared,
      judge: (batch) =>
        batch.map((candidate) => {
          searcher.requireKnown(candidate)
          return verdictOf(candidate.passage._id, searcher.search(candidate.pair.query))
        }),
    }
  const encoderOf = ({ passageText }: Candidate): number =>
    cross_fit === undefined ? 0 : foldOf(passageText, cross_fit)
  const ranks = new Scores()
  return {
    ...shared,
    judge: (batch) =>
      batch.map((candidate) => {
        searcher.requireKnown(candidate)
        searcher.putOff(candidate, encoderOf(candidate))
        return { keep: true, score: null }
      }),
    async settle() {
      await searcher.searchLater((row, passage, hits) => ranks.add(row, verdictOf(passage, hits).score, passage))
      return (row) => ({ keep: ranks.get(row) !== null, score: ranks.get(row) })
    },
  }
}

function requireFolds(folds: number | undefined, encoders: number): void {
  if (folds !== undefined && folds !== encoders)
    throw new StageError(
      `\`cross_fit: ${folds}\` needs ${folds} encoders, one for each fold, and \`model\` has ${encoders}`,
      {
        advice:
          'Sweep `cross_fit: {without}` of `mix` over the folds, and name the models as `${stages.NAME.model[*]}`.',
      },
    )
  if (folds === undefined && encoders > 1)
    throw new StageError(`\`model\` has ${encoders} encoders, and nothing says which pair is searched for by which`, {
      advice: 'Name one of them, or add `cross_fit`.',
    })
}
