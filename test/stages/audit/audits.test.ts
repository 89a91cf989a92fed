import { describe, expect, it } from 'vitest'
import { audits } from '../../../stages/audit/audits.ts'
import type { AuditSource } from '../../../stages/define.ts'
import { pairKey } from '../../../stages/judge/pair-key.ts'
import { artifactInput } from '../../rig/stage.ts'

const PASSAGES = Array.from({ length: 30 }, (_, i) => ({
  _id: `p${i}`,
  doc_id: `p${i}`,
  title: '',
  text: `The harbour number ${i} opens at dawn and sleeps in winters.`,
}))

/** Queries of one writer: for these passages, so many each. */
function source(
  label: string,
  ids: readonly number[],
  each: number,
  write: (id: number, n: number) => string,
): AuditSource {
  const rows = ids.flatMap((id) =>
    Array.from({ length: each }, (_, n) => ({
      _id: `${id}-${n}`,
      passage_id: `p${id}`,
      query: write(id, n),
      sample: n,
    })),
  )
  return { label, input: artifactInput('pairs', { 'pairs.jsonl': rows, 'passages.jsonl': PASSAGES }) }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const look = { seed: 1, signal: new AbortController().signal, progress: () => {} }

describe('a sample of queries', () => {
  it('has the same passages for every writer, as many queries of each, and stays when others are added', async () => {
    const a = source('a', upTo(20), 2, (id, n) => `when does ${id} open ${n}`)
    const b = source('b', upTo(30).slice(5), 2, (id, n) => `what is ${id} ${n}`)
    const items = await audits.pairs([a, b], { count: 10, ...look })
    const textsOf = (label: string) => items.filter(({ by }) => by.includes(label)).map(({ text }) => text)
    expect(textsOf('a')).toHaveLength(10)
    expect(new Set(textsOf('a')).size).toBe(10)
    expect(textsOf('b')).toEqual(textsOf('a'))
    // Queries of a passage stand together, in an order that is not that of the writers.
    for (const [i, { text }] of items.entries()) if (i % 2 === 1) expect(text).toBe(items[i - 1]!.text)
    const firsts = new Set(items.flatMap(({ by }, i) => (i % 2 === 0 ? by : [])))
    expect(firsts).toEqual(new Set(['a', 'b']))

    expect(await audits.pairs([b, a], { count: 10, ...look })).toEqual(items)
    const more = await audits.pairs([a, b], { count: 12, ...look })
    expect(more.slice(0, items.length)).toEqual(items)
    const deeper = source('a', upTo(20), 3, (id, n) => `when does ${id} open ${n}`)
    const again = await audits.pairs([deeper, b], { count: 10, ...look })
    expect(again.map(({ text }) => text)).toEqual(items.map(({ text }) => text))
    expect((await audits.pairs([a, b], { count: 10, ...look, seed: 2 })).map(({ text }) => text)).not.toEqual(
      items.map(({ text }) => text),
    )
  })

  it('takes further queries of passages where these are few, equal ones once, and refuses to compare the unlike', async () => {
    const a = source('a', [0, 1], 3, (id, n) => (n === 2 ? 'the same' : `${id} ${n}`))
    const b = source('b', [0, 1], 1, () => 'the same')
    const items = await audits.pairs([a, b], { count: 5, ...look })
    expect(items.filter(({ by }) => by.includes('a'))).toHaveLength(5)
    expect(items.filter(({ by }) => by.includes('b'))).toHaveLength(2)
    const shared = items.filter(({ query }) => query === 'the same')
    expect(shared.every(({ by }) => by.includes('b'))).toBe(true)
    expect(shared.some(({ by }) => by.length === 2)).toBe(true)
    await expect(
      audits.pairs([source('a', [0], 1, () => 'x'), source('b', [1], 1, () => 'x')], { count: 5, ...look }),
    ).rejects.toThrow('there is no passage that all of them wrote a query for')
  })

  it('tells what was copied, which words are missing in any form, the rank of the passage, and repetitions', async () => {
    const written = ['harbour number 7 opens at dawn', 'does the submarine sleep in winter', 'harbour']
    const a = source('a', [7, 8, 9], 1, (id) => written[id - 7]!)
    const repeated = source('b', [7, 8, 9, 10], 1, () => 'Harbour!')
    const items = await audits.pairs([a, repeated], { count: 3, ...look })
    const of = (query: string) => items.find((item) => item.query === query)!.signals
    expect(of(written[0]!)).toMatchObject({ copied: 1, absent: [], rank: 1, searched: 30, duplicates: 0 })
    expect(of(written[1]!)).toMatchObject({ copied: 0, absent: ['submarine'] })
    expect(of('Harbour!')).toMatchObject({ duplicates: 3 })
  })

  it('finds labelled pairs of a source by their texts', async () => {
    const a = source('a', [1, 2], 1, (id) => `query ${id}`)
    const keys = await audits.keysOf(a, new Set(['query 2', 'query 3']))
    expect([...keys]).toEqual([pairKey('query 2', PASSAGES[2]!)])
  })
})

describe('a pool', () => {
  it('is given query by query, each pair once, in an order that tells no rank', async () => {
    const rows = ['x', 'y'].flatMap((query) =>
      upTo(12).map((i) => ({
        query_id: query,
        passage_id: `p${i}`,
        pair: `${query}${i}`,
        query,
        title: '',
        text: `t${i}`,
        rank: i + 1,
      })),
    )
    const input = artifactInput('judgements', { 'pool.jsonl': rows })
    const items = await audits.pools(
      [
        { label: 'one', input },
        { label: 'two', input },
      ],
      { seed: 1 },
    )
    expect(items).toHaveLength(24)
    expect(items[0]?.by).toEqual(['one', 'two'])
    expect(new Set(items.slice(0, 12).map(({ query }) => query)).size).toBe(1)
    expect(items.slice(0, 12).map(({ text }) => text)).not.toEqual(upTo(12).map((i) => `t${i}`))
  })
})
