import { existsSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Passage } from '../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { sampleCorpus } from '../../../stages/sample-corpus/stage.ts'
import { checkedOptions, datasetInput, predictStage, runStage, sourceFile } from '../../rig/stage.ts'

const passage = (i: number): { _id: string; title: string; text: string } => ({
  _id: `p${i}`,
  title: `Title ${i}`,
  text: `passage number ${i}`,
})
const numbered = (n: number): object[] => Array.from({ length: n }, (_, i) => passage(i))

async function sample(corpus: readonly object[], options: { [name: string]: Json }): Promise<Passage[]> {
  const result = await runStage(sampleCorpus, { dataset: 'x', ...options }, { dataset: datasetInput({ corpus }) })
  return result.rows('passages', 'passages.jsonl')
}

const ids = (passages: readonly Passage[]): string[] => passages.map(({ _id }) => _id)

describe('sample-corpus', () => {
  it('takes exactly round(fraction x N) passages in the order of the corpus, as full rows', async () => {
    const rows = await sample(numbered(41), { fraction: 0.5 })
    expect(rows).toHaveLength(21)
    const order = ids(rows).map((id) => Number(id.slice(1)))
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(rows[0]).toEqual({
      _id: `p${order[0]}`,
      doc_id: `p${order[0]}`,
      title: `Title ${order[0]}`,
      text: `passage number ${order[0]}`,
    })
  })

  it('gives nested samples: a smaller fraction or count is part of a larger one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
        fc.nat(5),
        async (n, fractions, seed) => {
          const [small, large] = [...fractions].sort((a, b) => a - b) as [number, number]
          const few = ids(await sample(numbered(n), { fraction: small, seed }))
          const many = new Set(ids(await sample(numbered(n), { fraction: large, seed })))
          expect(few).toHaveLength(Math.round(small * n))
          expect(few.filter((id) => !many.has(id))).toEqual([])
        },
      ),
      { numRuns: 25, seed: 7 },
    )
    const half = new Set(ids(await sample(numbered(100), { fraction: 0.5 })))
    expect(ids(await sample(numbered(100), { count: 25 })).every((id) => half.has(id))).toBe(true)
  })

  it('never reorders old passages when the corpus grows: a sample loses them only to new ones', async () => {
    const before = ids(await sample(numbered(50), { count: 20 }))
    const after = ids(await sample(numbered(80), { count: 20 }))
    const stayed = after.filter((id) => Number(id.slice(1)) < 50)
    expect(stayed.every((id) => before.includes(id))).toBe(true)
    // The same choice among the old ones, whatever stands before or after them in the file.
    const old = ids(await sample(numbered(50).reverse(), { count: 20 }))
    expect([...old].sort()).toEqual([...before].sort())
  })

  it('gives another sample for another seed', async () => {
    const one = ids(await sample(numbered(100), { fraction: 0.3, seed: 1 }))
    const two = ids(await sample(numbered(100), { fraction: 0.3, seed: 2 }))
    expect(one).not.toEqual(two)
  })

  it('takes nothing at fraction 0 and everything at 1 or with `all`', async () => {
    expect(await sample(numbered(7), { fraction: 0 })).toEqual([])
    expect(await sample(numbered(7), { fraction: 1 })).toHaveLength(7)
    expect(await sample(numbered(7), { strategy: 'all' })).toHaveLength(7)
  })

  it('leaves out what is too short, too long or a copy, and counts each', async () => {
    const corpus = [
      { _id: 'empty', text: '  ' },
      { _id: 'a', text: 'one two three' },
      { _id: 'copy', text: 'one two three' },
      { _id: 'titled', title: 'not a copy', text: 'one two three' },
      { _id: 'short', text: 'one' },
      { _id: 'long', text: 'one two three four five' },
    ]
    const input = datasetInput({ corpus })
    const result = await runStage(
      sampleCorpus,
      { dataset: 'x', strategy: 'all', min_words: 2, max_words: 4 },
      { dataset: input },
    )
    expect(ids(result.rows('passages', 'passages.jsonl'))).toEqual(['a', 'titled'])
    expect(result.summary.counts).toEqual({
      read: 6,
      too_short: 2,
      too_long: 1,
      duplicates: 1,
      eligible: 2,
      documents: 2,
      passages: 2,
    })
    expect(result.summary.warnings).toEqual([
      '1 of 6 passages of the corpus have no text',
      '1 passages have the title and text of an earlier one; they were left out',
    ])
    expect(await sample(corpus, { strategy: 'all', drop_duplicates: false })).toHaveLength(5)
  })

  it('chooses from a pool alone, so that a pilot is part of its study', async () => {
    const corpus = numbered(200)
    const input = datasetInput({ corpus })
    const pilot = await runStage(sampleCorpus, { dataset: 'x', fraction: 1, pool: 0.4 }, { dataset: input })
    const pool = ids(pilot.rows('passages', 'passages.jsonl'))
    const { eligible, outside } = pilot.summary.counts
    expect([eligible! + outside!, eligible]).toEqual([200, pool.length])
    expect(Math.abs(pool.length - 80)).toBeLessThan(30)
    const half = ids(await sample(corpus, { fraction: 0.5, pool: 0.4 }))
    expect(half).toHaveLength(Math.round(pool.length / 2))
    const ofStudy = new Set(ids(await sample(corpus, { fraction: 0.5 })))
    expect(half.filter((id) => !ofStudy.has(id))).toEqual([])
    const longest = ids(await sample(corpus, { strategy: 'longest', fraction: 0.5, pool: 0.4 }))
    expect(longest.filter((id) => !pool.includes(id))).toEqual([])
    expect(await sample(corpus, { fraction: 0.5, pool: 1 })).toEqual(await sample(corpus, { fraction: 0.5 }))
  })

  it('warns when there are fewer passages than asked for', async () => {
    const result = await runStage(
      sampleCorpus,
      { dataset: 'x', count: 9 },
      { dataset: datasetInput({ corpus: numbered(3) }) },
    )
    expect(result.summary.warnings).toEqual(['only 3 of the 9 passages asked for are there'])
  })

  it('predicts exactly the rows that it would write', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ title: fc.string({ maxLength: 4 }), text: fc.string({ unit: 'binary', maxLength: 12 }) }),
          {
            minLength: 1,
            maxLength: 30,
          },
        ),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (rows, fraction) => {
          const corpus = rows.map((row, i) => ({ _id: String(i), ...row }))
          const inputs = { dataset: datasetInput({ corpus }) }
          const options = { dataset: 'x', fraction }
          const result = await runStage(sampleCorpus, options, inputs)
          const predicted = await predictStage(sampleCorpus, options, inputs)
          if (predicted === 'unknown') throw new Error('not predicted')
          const lines = predicted.passages?.['passages.jsonl']?.map((row) => `${JSON.stringify(row)}\n`).join('')
          expect(lines).toBe(result.text('passages', 'passages.jsonl'))
        },
      ),
      { numRuns: 30, seed: 11 },
    )
  })

  it('predicts nothing where it was told to stop, where there is no input, and where the corpus is broken', async () => {
    const options = { dataset: 'x', fraction: 1 }
    const inputs = { dataset: datasetInput({ corpus: numbered(3) }) }
    expect(await predictStage(sampleCorpus, options, inputs, AbortSignal.abort())).toBe('unknown')
    expect(await predictStage(sampleCorpus, options, {})).toBe('unknown')
    expect(await predictStage(sampleCorpus, options, { dataset: datasetInput({ corpus: 'x\n' }) })).toBe('unknown')
  })

  it('stops between passages when the run is interrupted', async () => {
    const inputs = { dataset: datasetInput({ corpus: numbered(3) }) }
    const options = { dataset: 'x', fraction: 1 }
    await expect(
      runStage(sampleCorpus, options, inputs, { signal: AbortSignal.abort(new Error('interrupted')) }),
    ).rejects.toThrow('interrupted')
  })

  it.each([
    [{}, 'a random sample needs `fraction` or `count`'],
    [{ fraction: 0.5, count: 3 }, 'exclude each other'],
    [{ strategy: 'all', fraction: 0.5 }, '`strategy: all` takes every passage'],
    [{ fraction: 0.5, min_words: 5, max_words: 4 }, 'max_words (4) is below min_words (5)'],
    [{ fraction: 1.5 }, 'must be <= 1'],
  ])('refuses the options %j', (options, message) => {
    expect(() => checkedOptions(sampleCorpus, { dataset: 'x', ...options })).toThrow(message)
  })
})

const SCIFACT = path.join(process.env.QUERYLOOM_DATA ?? '../shared/data', 'scifact/corpus.jsonl')

describe('on SciFact', () => {
  it.skipIf(!existsSync(SCIFACT))(
    '25 % is part of 50 % is part of 100 % (skipped without the collection)',
    async () => {
      const input: StageInput = { type: 'dataset', name: 'scifact', corpus: sourceFile(path.resolve(SCIFACT)) }
      const of = async (fraction: number): Promise<string[]> =>
        ids(
          (await runStage(sampleCorpus, { dataset: 'x', fraction }, { dataset: input })).rows(
            'passages',
            'passages.jsonl',
          ),
        )
      const [quarter, half, whole] = await Promise.all([of(0.25), of(0.5), of(1)])
      expect([quarter?.length, half?.length, whole?.length]).toEqual([1296, 2592, 5183])
      expect(quarter?.every((id) => half?.includes(id))).toBe(true)
      expect(half?.every((id) => whole?.includes(id))).toBe(true)
    },
  )
})
