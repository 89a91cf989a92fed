import { setImmediate } from 'node:timers/promises'
import { readCorpus } from '../data/beir.ts'
import { passageText } from '../data/rows.ts'
import type { SourceFile } from '../define.ts'
import { type TrainedWith, tokenizerOf } from './tokenizer.ts'
import { WordCounts } from './wordpiece/count-words.ts'
import { learnWordPiece } from './wordpiece/learn.ts'
import { wordPieceTokenizerJson } from './wordpiece/tokenizer-json.ts'

const BREATH = 1000

/**
 * Most tokens of a vocabulary by the number of different words in the corpus: an eighth of them, at least 512 and at
 * most 8192. Small collections do best with few tokens, each seen often; what was measured is in docs/experiments.md.
 */
export function defaultVocabularySize(differentWords: number): number {
  return Math.min(8192, Math.max(512, Math.floor(differentWords / 8)))
}

/**
 * Learns a tokenizer of at most `size` tokens (a default by the number of words) from all passages of one or more
 * corpora, as encoders read them. The result does not depend on the order of the passages.
 */
export async function learnTokenizer(
  corpora: readonly SourceFile[],
  size: number | undefined,
  hooks: { signal: AbortSignal; progress(done: number): void },
): Promise<TrainedWith> {
  const words = new WordCounts()
  let passages = 0
  for (const corpus of corpora)
    for await (const passage of readCorpus(corpus)) {
      words.add(passageText(passage))
      if (++passages % BREATH !== 0) continue
      hooks.progress(passages)
      await setImmediate()
      hooks.signal.throwIfAborted()
    }
  return tokenizerOf(
    wordPieceTokenizerJson(learnWordPiece(words.counts, size ?? defaultVocabularySize(words.counts.size))),
  )
}
