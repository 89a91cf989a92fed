import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RowKey } from '../../cache/digest.ts'
import { openRowStore, type RowStore, type RowValue } from '../../cache/row-store.ts'
import { decodeRow, encodeRow, encodeSeal, type FoundRow, scanRows } from '../../cache/segment.ts'
import { inTurn } from './in-turn.ts'
import { rowKey } from './record.ts'
import { freshFolders, startFixture } from './support.ts'

const freshFolder = freshFolders()
const answer = (n: number): RowValue => ({ text: `query ${n} ü 日本`.repeat(n % 7), n, usage: { tokens: [n, null] } })
const never = (): Promise<RowValue> => Promise.reject(new Error('must not be asked'))

function segmentsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(folder, name))
}

async function fill(folder: string, from: number, to: number): Promise<void> {
  const rows = openRowStore(folder)
  for (let n = from; n < to; n++) await rows.getOrRun(rowKey(n), async () => answer(n))
  await rows.close()
}

async function numbersIn(rows: RowStore, upTo: number): Promise<number[]> {
  const all = Array.from({ length: upTo }, (_, n) => n)
  const found = await rows.getMany(all.map(rowKey))
  for (const n of all) if (found.has(rowKey(n))) expect(found.get(rowKey(n))).toEqual(answer(n))
  return all.filter((n) => found.has(rowKey(n)))
}

describe('rows', () => {
  test('are asked for once, and then served, also to the next process', async () => {
    const folder = join(freshFolder(), 'rows', 'llm')
    const rows = openRowStore(folder)
    expect(await rows.known([rowKey(1)])).toEqual(new Set())
    expect(await rows.getOrRun(rowKey(1), async () => answer(1))).toEqual({ value: answer(1), origin: 'new' })
    expect(await rows.getOrRun(rowKey(1), never)).toEqual({ value: answer(1), origin: 'stored' })
    await rows.close()
    const next = openRowStore(folder)
    expect(await next.known([rowKey(2), rowKey(1)])).toEqual(new Set([rowKey(1)]))
    expect(await next.getOrRun(rowKey(1), never)).toEqual({ value: answer(1), origin: 'stored' })
    expect(await next.getMany([rowKey(2), rowKey(1), rowKey(1)])).toEqual(new Map([[rowKey(1), answer(1)]]))
    await next.close()
  })

  test('in flight are shared', async () => {
    const rows = openRowStore(freshFolder())
    let asked = 0
    const ask = async (): Promise<RowValue> => {
      asked++
      await new Promise((resolve) => setImmediate(resolve))
      return asked
    }
    const origins = await Promise.all([1, 2, 3].map(() => rows.getOrRun(rowKey(1), ask)))
    expect(origins.map(({ origin }) => origin)).toEqual(['new', 'shared', 'shared'])
    expect(origins.map(({ value }) => value)).toEqual([1, 1, 1])
    expect(asked).toBe(1)
    await rows.close()
  })

  test('that failed are not stored, and everybody who waited is told', async () => {
    const rows = openRowStore(freshFolder())
    const fail = (): Promise<RowValue> => Promise.reject(new Error('429'))
    const calls = [rows.getOrRun(rowKey(1), fail), rows.getOrRun(rowKey(1), never)]
    for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ reason: { message: '429' } })
    expect(await rows.getOrRun(rowKey(1), async () => 'better')).toEqual({ value: 'better', origin: 'new' })
    await rows.close()
  })

  test('come back new as they will come back stored', async () => {
    const rows = openRowStore(freshFolder())
    const made = { text: 'a', left: undefined, zero: -0 }
    const { value } = await rows.getOrRun(rowKey(1), async () => made)
    expect(Object.keys(value as object)).toEqual(['text', 'zero'])
    expect(value).toStrictEqual((await rows.getOrRun(rowKey(1), never)).value)
    await rows.close()
  })

  test('may be long, of any value, and are compressed where it pays', async () => {
    const folder = freshFolder()
    const values: RowValue[] = [
      null,
      0,
      '',
      [],
      'x'.repeat(200_000),
      '\ud800 lone',
      { a: { b: [1, 'ü'.repeat(5000)] } },
    ]
    const rows = openRowStore(folder)
    for (const [n, value] of values.entries()) await rows.getOrRun(rowKey(n), async () => value)
    await rows.close()
    const next = openRowStore(folder)
    const found = await next.getMany(values.map((_, n) => rowKey(n)))
    expect([...found.values()]).toEqual(values)
    await next.close()
    expect(statSync(segmentsOf(folder)[0] ?? '').size).toBeLessThan(10_000)
  })

  test('of another process are seen before anything is asked again', async () => {
    const folder = freshFolder()
    const [one, other] = [openRowStore(folder), openRowStore(folder)]
    expect(await other.known([rowKey(1)])).toEqual(new Set())
    await one.getOrRun(rowKey(1), async () => answer(1))
    const asked = other.getOrRun(rowKey(1), (turn) => inTurn(turn, never))
    expect(await asked).toEqual({ value: answer(1), origin: 'stored' })
    await one.getOrRun(rowKey(2), async () => answer(2))
    expect(await other.known([rowKey(2)])).toEqual(new Set([rowKey(2)]))
    await one.getOrRun(rowKey(3), async () => answer(3))
    expect(await other.getMany([rowKey(3)])).toEqual(new Map([[rowKey(3), answer(3)]]))
    await Promise.all([one.close(), other.close()])
  })

  test('that another process stored while this one asked win: nobody sees two answers', async () => {
    const folder = freshFolder()
    const [one, other] = [openRowStore(folder), openRowStore(folder)]
    const late = await one.getOrRun(rowKey(1), async (turn) => {
      expect(turn.take()).toEqual({ kind: 'mine' })
      await other.getOrRun(rowKey(1), async () => 'first')
      return 'second'
    })
    expect(late).toEqual({ value: 'first', origin: 'new' })
    // Who took no turn has not paid for it.
    await one.getOrRun(rowKey(2), async () => 'first')
    expect(await other.getOrRun(rowKey(2), async () => 'second')).toEqual({ value: 'first', origin: 'stored' })
    await Promise.all([one.close(), other.close()])
    const next = openRowStore(folder)
    expect((await next.getOrRun(rowKey(1), never)).value).toBe('first')
    await next.close()
  })

  test('that two processes stored for one key are the same one for everybody', async () => {
    const folder = freshFolder()
    const [a, b] = [freshFolder(), freshFolder()]
    for (const [part, value] of [
      [a, 'x'],
      [b, 'y'],
    ] as const) {
      const rows = openRowStore(part)
      await rows.getOrRun(rowKey(1), async () => value)
      await rows.close()
    }
    copyFileSync(segmentsOf(b)[0] ?? '', join(folder, '000000000000002-b.seg'))
    const early = openRowStore(folder)
    expect((await early.getOrRun(rowKey(1), never)).value).toBe('y')
    copyFileSync(segmentsOf(a)[0] ?? '', join(folder, '000000000000001-a.seg'))
    await early.known([])
    for (const rows of [early, openRowStore(folder)]) {
      expect((await rows.getOrRun(rowKey(1), never)).value).toBe('x')
      await rows.close()
    }
  })

  test('come in the order asked for', async () => {
    const folder = freshFolder()
    await fill(folder, 0, 50)
    const rows = openRowStore(folder)
    const keys = Array.from({ length: 50 }, (_, n) => rowKey((n * 17) % 50))
    expect([...(await rows.getMany(keys)).keys()]).toEqual(keys)
    await rows.close()
  })
})

describe('the index', () => {
  test('is written when it pays, holds what scanning would find, and is only a help', async () => {
    const folder = freshFolder()
    await fill(folder, 0, 700)
    await fill(folder, 700, 1500)
    await fill(folder, 1500, 1520)
    const index = join(folder, 'rows.idx')
    const whole = readFileSync(index)
    const all = Array.from({ length: 1520 }, (_, n) => n)
    const harms: (() => void)[] = [
      () => {},
      () => rmSync(index),
      () => writeFileSync(index, whole.subarray(0, whole.length - 1)),
      () => writeFileSync(index, ''),
      ...[0, 20, 30, 200, whole.length - 3].map((at) => () => {
        const bent = Buffer.from(whole)
        bent[at] = (bent[at] ?? 0) ^ 0x10
        writeFileSync(index, bent)
      }),
    ]
    for (const harm of harms) {
      harm()
      const rows = openRowStore(folder)
      expect(await numbersIn(rows, 1530)).toEqual(all)
      await rows.close()
    }
  })

  test('is not believed when a segment is gone or shorter than it was', async () => {
    const folder = freshFolder()
    await fill(folder, 0, 1200)
    await fill(folder, 1200, 1300)
    const [first = '', second = ''] = segmentsOf(folder)
    expect(statSync(join(folder, 'rows.idx')).size).toBeGreaterThan(1000 * 46)
    const bytes = readFileSync(first)
    writeFileSync(first, bytes.subarray(0, bytes.length >> 1))
    const rows = openRowStore(folder)
    const known = await rows.known(Array.from({ length: 1300 }, (_, n) => rowKey(n)))
    const found = await numbersIn(rows, 1300)
    expect(known.size).toBe(found.length)
    expect(found.length).toBeGreaterThan(500)
    expect(found.length).toBeLessThan(1000)
    expect(found.slice(-100)).toEqual(Array.from({ length: 100 }, (_, n) => 1200 + n))
    await rows.close()
    rmSync(second)
    const next = openRowStore(folder)
    expect(await numbersIn(next, 1300)).toEqual(found.filter((n) => n < 1200))
    await next.close()
  })

  test('takes in segments that come before those it has', async () => {
    const [folder, other] = [freshFolder(), freshFolder()]
    await fill(folder, 0, 1100)
    await fill(other, 1100, 2300)
    copyFileSync(segmentsOf(other)[0] ?? '', join(folder, '000000000000001-a.seg'))
    const before = statSync(join(folder, 'rows.idx')).size
    for (const _ of ['now', 'and by the next process']) {
      const rows = openRowStore(folder)
      expect((await numbersIn(rows, 2300)).length).toBe(2300)
      await rows.close()
      expect(statSync(join(folder, 'rows.idx')).size).toBeGreaterThan(2 * before)
    }
  })

  test('can lie in a folder that nobody may write', async () => {
    const folder = freshFolder()
    await fill(folder, 0, 1100)
    rmSync(join(folder, 'rows.idx'))
    mkdirSync(join(folder, 'rows.idx'))
    const rows = openRowStore(folder)
    expect((await numbersIn(rows, 1100)).length).toBe(1100)
    await rows.close()
  })
})

describe('a segment that was harmed', () => {
  const count = 6

  async function filled(): Promise<{ folder: string; path: string; whole: Buffer; ends: number[] }> {
    const folder = freshFolder()
    await fill(folder, 0, count)
    const path = segmentsOf(folder)[0] ?? ''
    const whole = readFileSync(path)
    const ends: number[] = []
    scanRows(whole, ({ offset, length }) => void ends.push(offset + length))
    expect(ends.length).toBe(count)
    return { folder, path, whole, ends }
  }

  test('by a cut at any byte loses what was cut and nothing before it', async () => {
    const { folder, path, whole, ends } = await filled()
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const rows = openRowStore(folder)
      const left = ends.filter((end) => end <= length).length
      expect(await numbersIn(rows, count)).toEqual(Array.from({ length: left }, (_, n) => n))
      await rows.close()
    }
  })

  test('in any one byte loses that row alone, and it is asked for again', async () => {
    const { folder, path, whole, ends } = await filled()
    for (let at = 0; at < (ends.at(-1) ?? 0); at++) {
      const bent = Buffer.from(whole)
      bent[at] = (bent[at] ?? 0) ^ (1 << (at % 8))
      writeFileSync(path, bent)
      const rows = openRowStore(folder)
      const hit = ends.filter((end) => end <= at).length
      expect(await numbersIn(rows, count)).toEqual(Array.from({ length: count }, (_, n) => n).filter((n) => n !== hit))
      if (at % 50 === 0) {
        expect(await rows.getOrRun(rowKey(hit), async () => answer(hit))).toEqual({ value: answer(hit), origin: 'new' })
        await rows.close()
        const next = openRowStore(folder)
        expect((await numbersIn(next, count)).length).toBe(count)
        await next.close()
        for (const other of segmentsOf(folder).slice(1)) rmSync(other)
      } else await rows.close()
    }
  })

  test('after it was indexed or scanned is noticed when the row is read', async () => {
    const { folder, path, whole, ends } = await filled()
    const rows = openRowStore(folder)
    expect((await rows.known([rowKey(3)])).size).toBe(1)
    const bent = Buffer.from(whole)
    bent.fill(0, ends[2], ends[3])
    writeFileSync(path, bent)
    expect((await rows.getMany([rowKey(3), rowKey(4)])).size).toBe(1)
    expect(await rows.known([rowKey(3)])).toEqual(new Set())
    expect(await rows.getOrRun(rowKey(3), async () => answer(3))).toEqual({ value: answer(3), origin: 'new' })
    await rows.close()
  })

  test('with rubbish between records is read past it', () => {
    const keys = [1, 2, 3].map(rowKey)
    const [a, b, c] = keys.map((key, n) => encodeRow(key, `"${n}"`)) as [Buffer, Buffer, Buffer]
    const magic = a.subarray(0, 4)
    const found: FoundRow[] = []
    const bytes = Buffer.concat([a, magic, Buffer.alloc(70, 7), b, a.subarray(0, 40), magic, c, encodeSeal()])
    const { used, sealed } = scanRows(bytes, (row) => void found.push(row))
    expect(found.map(({ key }) => key)).toEqual(keys)
    expect([used, sealed]).toEqual([bytes.length, true])
  })
})

describe('a record', () => {
  test('is given out for its own key only', () => {
    const record = encodeRow(rowKey(1), '{"a":1}')
    expect(decodeRow(record, rowKey(1))).toBe('{"a":1}')
    expect(decodeRow(record, rowKey(2))).toBeUndefined()
    expect(decodeRow(record.subarray(0, record.length - 1), rowKey(1))).toBeUndefined()
  })

  test('is as long as the format says', () => {
    expect(encodeRow(rowKey(1), '{"a":1}').length).toBe(48 + 7)
    expect(encodeRow(rowKey(1), JSON.stringify('a'.repeat(10_000))).length).toBeLessThan(200)
  })
})

test('two processes that append at once lose nothing', async () => {
  const folder = freshFolder()
  const each = 400
  const writers = ['a', 'b'].map((name) => startFixture('row-writer.ts', [folder, name, String(each)], () => {}))
  const watcher = openRowStore(folder)
  expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0])
  const keys: RowKey[] = ['a', 'b'].flatMap((name) => Array.from({ length: each }, (_, n) => rowKey(`${name} ${n}`)))
  expect((await watcher.getMany(keys)).size).toBe(2 * each)
  await watcher.close()
})
