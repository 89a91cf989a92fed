import type { Json, StageContext } from '../../define.ts'
import { Judge } from '../../judge/judge.ts'
import type { Example, Examples } from '../examples.ts'
import type { KnownPositives } from '../known-positives.ts'
import type { NegativeJudgeOptions } from '../options.ts'
import type { Passages } from '../passages.ts'
import type { Miner } from './miner.ts'

/** What became of the negatives that a language model looked at. */
export interface JudgedNegatives {
  /** Passages that answer the query after all, each as a pair of its own. */
  positives: Example[]
  facts: { readonly [name: string]: Json }
  /** Candidates that another run may be able to judge. */
  incomplete: number
}

const UNASKED = 0
const NEGATIVE = 1
const POSITIVE = 2

/**
 * Asks a language model about the negatives of every anchor (RLHN). What answers the query is no negative of it, in no
 * wording of it, and the next candidate takes its place, which is judged too, while there is one. What was given no grade
 * stays. Only as many candidates are asked about as negatives are needed.
 */
export async function judgeNegatives(
  context: StageContext<unknown>,
  miner: Miner,
  perQuery: number,
  options: NegativeJudgeOptions,
  { examples, passages, known }: { examples: Examples; passages: Passages; known: KnownPositives },
): Promise<JudgedNegatives> {
  const verdicts = Array.from({ length: miner.anchors }, (_, anchor) => new Uint8Array(miner.candidates(anchor).length))
  const totals = { asked: 0, answers: 0, unparsed: 0, refused: 0, failed: 0 }
  for (;;) {
    const judge = new Judge<{ anchor: number; i: number }>(
      context,
      'negatives/judge',
      options,
      ({ anchor, i }, grade) => {
        ;(verdicts[anchor] as Uint8Array)[i] = grade !== null && grade >= options.at_least ? POSITIVE : NEGATIVE
      },
    )
    let asked = 0
    try {
      for (const [anchor, verdict] of verdicts.entries()) {
        let needed = perQuery - verdict.filter((one) => one === NEGATIVE).length
        const candidates = miner.candidates(anchor)
        for (let i = 0; i < candidates.length && needed > 0; i++) {
          if (verdict[i] !== UNASKED) continue
          const text = passages.text(candidates[i] as number)
          await judge.ask({
            mark: { anchor, i },
            query: examples.anchor(miner.rowOf(anchor)),
            passage: { title: '', text },
          })
          needed--
          asked++
        }
      }
      await judge.finish()
    } finally {
      await judge.abandon()
    }
    const { unparsed, refused, failed } = judge.facts()
    totals.asked += asked
    totals.unparsed += unparsed
    totals.refused += refused
    totals.failed += failed
    if (asked === 0) break
  }
  const positives: Example[] = []
  for (const [anchor, verdict] of verdicts.entries()) {
    const row = miner.rowOf(anchor)
    for (const [i, passage] of miner.candidates(anchor).entries()) {
      if (verdict[i] !== POSITIVE) continue
      totals.answers++
      positives.push({ row, passage })
      known.spare(examples.anchorKey(row), passages.key(passage))
    }
  }
  for (const [anchor, verdict] of verdicts.entries()) {
    const anchorKey = examples.anchorKey(miner.rowOf(anchor))
    const left = miner
      .candidates(anchor)
      .filter((passage, i) => verdict[i] === NEGATIVE && !known.has(anchorKey, passages.key(passage)))
    miner.settle(anchor, left)
  }
  return { positives, facts: totals, incomplete: totals.failed }
}
