import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import type { Pair, Passage } from '../../../stages/data/rows.ts'
import { Passes } from '../../../stages/filter/passes.ts'
import { copiedStep } from '../../../stages/filter/steps/copied.ts'
import { duplicateStep } from '../../../stages/filter/steps/duplicate.ts'
import { lengthStep } from '../../../stages/filter/steps/length.ts'
import { logprobStep } from '../../../stages/filter/steps/logprob.ts'
import { sampleStep } from '../../../stages/filter/steps/sample.ts'
import { mulberry, passages } from './rows.ts'

beforeAll(loadXxh)

const WORDS = 'how hot is green tea when it steeps at eighty degrees and why does a kettle boil'.split(' ')

function randomPairs(seed: number): { pair: Pair; passage: Passage }[] {
  const random = mulberry(seed)
  return Array.from({ length: 300 }, (_, i) => {
    const passage = passages[i % 2] as Passage
    const start = Math.floor(random() * WORDS.length)
    const query = WORDS.slice(start, start + 1 + Math.floor(random() * 6)).join(' ')
    return { passage, pair: { _id: `${i}`, passage_id: passage._id, query, sample: 0, logprob: -random() } }
  })
}

async function decide(rows: readonly { pair: Pair; passage: Passage }[], batch: number): Promise<unknown[]> {
  const steps = [
    lengthStep({ min_words: 2 }),
    logprobStep({ percentile: 30 }),
    duplicateStep({ near: 0.9 }),
    sampleStep({ per_passage: 20 }),
    copiedStep({ max_overlap: 0.5 }),
    logprobStep({ top_k: 11 }),
  ]
  const passes = new Passes(steps, true)
  async function* source(): AsyncGenerator<{ pair: Pair; passage: Passage }[]> {
    for (let at = 0; at < rows.length; at += batch) yield rows.slice(at, at + batch)
    if (rows.length === 0) yield []
  }
  const decided: unknown[] = []
  for await (const some of passes.run(source))
    for (const { candidate, reason, scores } of some) decided.push([candidate.pair._id, reason, scores])
  return [...decided, passes.tallies.map((tally) => [tally.kept, tally.dropped, tally.scores()])]
}

describe('Passes', () => {
  it('decides alike whatever the size of batches', async () => {
    for (const seed of [1, 2]) {
      const rows = randomPairs(seed)
      const alone = await decide(rows, 1)
      expect(alone).toHaveLength(301)
      expect(await decide(rows, 7)).toEqual(alone)
      expect(await decide(rows, 1000)).toEqual(alone)
    }
  })

  it('hands each step what all earlier ones kept, the deciding ones too', async () => {
    const tallies = (await decide(randomPairs(3), 64)).at(-1) as [number, number][]
    for (const [i, [kept, dropped]] of tallies.entries())
      expect(kept + dropped).toBe(i === 0 ? 300 : (tallies[i - 1] as [number, number])[0])
    expect((tallies.at(-1) as [number, number])[0]).toBe(11)
  })

  it('has nothing to say of no rows', async () => {
    expect(await decide([], 8)).toHaveLength(1)
  })
})
