import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, StageInput } from '../../../stages/define.ts'
import { artifactFrom, type StageResult } from '../../rig/stage.ts'
import { staticFolder } from '../retrieval/static-folder.ts'
import { negatives, pair, passage, runMix, synthetic, training } from './sources.ts'

// Words as vectors: the similarity of a one-word query and a one-word passage is the cosine of two of these.
const angle = (degrees: number): number[] => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
const WORDS = {
  nothing: [0, 0],
  query: angle(0),
  gold: angle(30),
  twin: angle(10),
  near: angle(31),
  far: angle(60),
  off: angle(120),
}
const model = (): StageInput => artifactFrom('model', staticFolder(WORDS))
const corpus = ['gold', 'twin', 'near', 'far', 'off'].map((word) => passage(word, word))

function mine(options: { [name: string]: Json }, rows = [pair('1', 'gold', 'query')]): Promise<StageResult> {
  return runMix(
    { negatives: { mine: 'dense', model: { $input: 'negatives/model' }, fill: 'none', ...options } },
    { ...synthetic(0, rows, corpus), 'negatives/model': model() },
  )
}

const mined = async (options: { [name: string]: Json }): Promise<string[]> =>
  training(await mine(options)).flatMap(negatives)

describe('dense negatives', () => {
  it('are the best that lie below the positive by the margin', async () => {
    // cos 30° = .866; 95 % of it is .823, so that `near` (.857) and `twin` (.985) are too close.
    expect(await mined({ per_query: 4 })).toEqual(['far', 'off'])
    expect(await mined({ per_query: 4, relative_margin: 0 })).toEqual(['near', 'far', 'off'])
    expect(await mined({ per_query: 4, absolute_margin: 0.005 })).toEqual(['near', 'far', 'off'])
    expect(await mined({ per_query: 4, absolute_margin: 0.4 })).toEqual(['off'])
    expect(await mined({ per_query: 4, relative_margin: 0, min_score: 0 })).toEqual(['near', 'far'])
    expect(await mined({ per_query: 4, relative_margin: 0, max_score: 0.8, skip_top: 2 })).toEqual(['far', 'off'])
    expect(await mined({ per_query: 1 })).toEqual(['far'])
  })

  it('know the score of a positive that is not ranked within the depth', async () => {
    // Only `twin` is looked at, and it lies above the positive.
    const result = await mine({ per_query: 1, depth: 1 })
    expect(training(result).flatMap(negatives)).toEqual([])
    expect(result.summary.details).toMatchObject({
      mining: [
        {
          retriever: 'dense',
          kind: 'static',
          anchors: 1,
          candidates: 1,
          mined: 0,
          short: 1,
          positive_not_ranked: 0,
          skipped: { margin: 1 },
          positive_score: { n: 1, min: 0.866025 },
        },
      ],
    })
    expect(result.summary.warnings).toEqual([
      'some rows have fewer negatives than asked for: the mining report says why',
    ])
  })

  it('are as often asked for, at random where the ranking leaves too few', async () => {
    expect((await mined({ per_query: 3, fill: 'random' })).slice(0, 2)).toEqual(['far', 'off'])
    expect(await mined({ per_query: 3, fill: 'random' })).toHaveLength(3)
  })

  it('can be sampled from all that is left, by seed', async () => {
    const drawn = async (seed: number): Promise<string> =>
      (await mined({ sampling: 'random', relative_margin: 0, seed })).join()
    const found = new Set(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(drawn)))
    expect(found.size).toBeGreaterThan(1)
    expect([...found].every((word) => ['near', 'far', 'off'].includes(word))).toBe(true)
    expect(await drawn(1)).toBe(await drawn(1))
  })

  it('are never a known positive, and never above the margin, whatever the pairs', async () => {
    const words = ['gold', 'twin', 'near', 'far', 'off'] as const
    const cosine = (a: keyof typeof WORDS, b: keyof typeof WORDS): number =>
      (WORDS[a][0] as number) * (WORDS[b][0] as number) + (WORDS[a][1] as number) * (WORDS[b][1] as number)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...words), fc.constantFrom(...words)), { minLength: 1, maxLength: 6 }),
        async (chosen) => {
          const rows = chosen.map(([asked, answer], i) => pair(`${i}`, answer, asked))
          const known = new Map<string, string[]>()
          for (const [asked, answer] of chosen) known.set(asked, [...(known.get(asked) ?? []), answer])
          for (const row of training(await mine({ per_query: 5 }, rows))) {
            const asked = row.anchor as keyof typeof WORDS
            const positives = known.get(asked) as (keyof typeof WORDS)[]
            const lowest = Math.min(...positives.map((positive) => cosine(asked, positive)))
            for (const negative of negatives(row) as (keyof typeof WORDS)[]) {
              expect(positives).not.toContain(negative)
              expect(cosine(asked, negative)).toBeLessThanOrEqual(lowest - 0.05 * Math.abs(lowest) + 1e-6)
            }
          }
        },
      ),
      { seed: 4, numRuns: 15 },
    )
  })
})
