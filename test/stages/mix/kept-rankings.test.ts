import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { IdTable } from '../../../stages/data/id-table.ts'
import type { Json } from '../../../stages/define.ts'
import { KeptRankings } from '../../../stages/mix/negatives/kept-rankings.ts'
import type { Ranked } from '../../../stages/mix/negatives/ranking.ts'
import type { Corpus } from '../../../stages/mix/sources.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { runStage } from '../../rig/stage.ts'
import { type Inputs, negatives, pair, passage, synthetic, training } from './sources.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'queryloom-rankings-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const corpus = (digest: string, first = 0): Corpus => ({
  file: { location: 'corpus.jsonl', digest } as unknown as Corpus['file'],
  numbers: new IdTable(),
  first,
  size: 1000,
})

async function ranked(
  of: Corpus,
  depth: number,
  texts: readonly string[],
  ranking: (text: string) => Ranked[],
): Promise<{ found: (readonly Ranked[])[]; searched: readonly string[] }> {
  const kept = await KeptRankings.open(folder, { kind: 'bm25', version: 1 }, of, depth)
  const searched: string[] = []
  try {
    const found = await kept.rank(texts, async (missing) => {
      searched.push(...missing)
      return missing.map(ranking)
    })
    return { found, searched }
  } finally {
    await kept.close()
  }
}

describe('kept rankings', () => {
  it('are searched for once, and come back as they were, whatever is in them', async () => {
    const score = fc.oneof(fc.constantFrom(0, -0, Math.fround(1e-40), -3.5), fc.float({ noNaN: true }))
    const rankings = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 6 }), fc.array(score, { maxLength: 5 })), {
      selector: ([text]) => text,
      maxLength: 8,
    })
    let n = 0
    await fc.assert(
      fc.asyncProperty(rankings, fc.nat(8), async (all, some) => {
        const of = corpus(`corpus ${n++}`, 40)
        const texts = all.map(([text]) => text)
        const rankingOf = new Map(
          all.map(([text, scores]) => [text, scores.map((one, i) => ({ passage: 40 + i, score: one }))]),
        )
        const ranking = (text: string): Ranked[] => rankingOf.get(text)!
        const before = texts.slice(0, some)
        expect((await ranked(of, 5, before, ranking)).searched).toEqual(before)
        const { found, searched } = await ranked(of, 5, texts, ranking)
        expect(searched).toEqual(texts.slice(some))
        expect(found).toEqual(texts.map(ranking))
      }),
      { seed: 3, numRuns: 40 },
    )
  })

  it('hold for one corpus and one depth, wherever its passages are numbered', async () => {
    const ranking = (first: number) => (): Ranked[] => [{ passage: first + 7, score: 0.5 }]
    await ranked(corpus('a', 0), 3, ['query'], ranking(0))
    expect((await ranked(corpus('b', 0), 3, ['query'], ranking(0))).searched).toEqual(['query'])
    expect((await ranked(corpus('a', 0), 4, ['query'], ranking(0))).searched).toEqual(['query'])
    const elsewhere = await ranked(corpus('a', 100), 3, ['query'], ranking(100))
    expect(elsewhere.searched).toEqual([])
    expect(elsewhere.found).toEqual([[{ passage: 107, score: 0.5 }]])
  })

  it('are what a corpus is mined by again, with other options', async () => {
    const rows = [pair('1', 'gold', 'red stone')]
    const words = { gold: 'the red stone', near: 'a red leaf', far: 'stone', off: 'nothing' }
    const inputs = synthetic(
      0,
      rows,
      Object.entries(words).map(([id, text]) => passage(id, text)),
    )
    const mine = async (given: Inputs, options: { [name: string]: Json }): Promise<string[]> => {
      const negative = { mine: 'bm25', fill: 'none', per_query: 3, ...options }
      const written = { pairs: [{ from: { $input: 'pairs/0/from' } }], negatives: negative }
      return training(await runStage(mix, written, given, { embeddings: folder })).flatMap(negatives)
    }
    const all = await mine(inputs, {})
    expect([...all].sort()).toEqual(['a red leaf', 'stone'])
    expect(await mine(inputs, { skip_top: 1 })).toEqual(all.slice(1))

    // A corpus that says it is the same one, but that nothing would be found in.
    const blank = synthetic(
      0,
      rows,
      Object.keys(words).map((id) => passage(id, id === 'gold' ? words.gold : id)),
    )
    const [name, before, now] = ['pairs/0/corpus', inputs['pairs/0/corpus'], blank['pairs/0/corpus']]
    if (before?.type !== 'dataset' || now?.type !== 'dataset') throw new Error('expected datasets')
    const disguised = { ...now, corpus: { ...now.corpus!, digest: before.corpus!.digest } }
    expect((await mine({ ...inputs, [name]: disguised }, {})).sort()).toEqual(['far', 'near'])
    expect(await mine({ ...inputs, [name]: now }, {})).toEqual([])
  })
})
