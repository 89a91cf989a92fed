import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type RowKey, sha256 } from '../../cache/digest.ts'
import { type CoveredSegment, RowIndex, type RowPlace } from '../../cache/row-index.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const keyOf = (row: number): RowKey => sha256<'row'>(String(row)) as RowKey
const openFiles = (): number => readdirSync('/proc/self/fd').length

/** Rows that come in several times, some of them twice, in segments whose names do not come in their order. */
function batches(count: number): { rows: Map<RowKey, RowPlace[]>; segments: CoveredSegment[] }[] {
  const names = ['m', 'c', 'x', 'a', 'q']
  return names.map((segment, batch) => {
    const rows = new Map<RowKey, RowPlace[]>()
    for (let row = 0; row < count; row++)
      if ((row + batch) % 3 !== 0) rows.set(keyOf(row), [{ segment, offset: row * 700 + 2 ** 34, length: 600 + batch }])
    const known = names.slice(0, batch + 1).sort()
    return { rows, segments: known.map((name) => ({ name, covered: 9, sealed: true })) }
  })
}

function grown(path: string, count: number, most?: number): RowIndex {
  let index = RowIndex.empty(most)
  for (const { rows, segments } of batches(count)) {
    const next = index.extend(rows, segments, path)
    index.close()
    index = next
  }
  return index
}

test('an index that is read from its file has the bytes and the rows of one that is held in memory', () => {
  const folder = temporaryFolder()
  const before = openFiles()
  const [held, filed] = [grown(join(folder, 'held'), 3_000), grown(join(folder, 'filed'), 3_000, 0)]
  expect(readFileSync(join(folder, 'filed')).equals(readFileSync(join(folder, 'held')))).toBe(true)
  expect(openFiles()).toBe(before + 1)
  const again = [RowIndex.read(join(folder, 'filed')), RowIndex.read(join(folder, 'filed'), 0)] as RowIndex[]
  expect(new Set([held, filed, ...again].map(({ size }) => size))).toEqual(new Set([10_000]))
  for (let row = 0; row < 3_010; row++) {
    const key = keyOf(row)
    const places = held.find(key)
    // In the order of their segments' names.
    expect(places.map(({ segment }) => segment)).toEqual(places.map(({ segment }) => segment).toSorted())
    expect(places.length).toBe(row < 3_000 ? [3, 4, 3][row % 3] : 0)
    for (const index of [filed, ...again]) {
      expect(index.find(key)).toEqual(places)
      expect(index.has(key)).toBe(places.length > 0)
    }
  }
  for (const index of [held, filed, ...again]) index.close()
  expect(openFiles()).toBe(before)
})

test('a damaged index is none, wherever it would be held', () => {
  const path = join(temporaryFolder(), 'index')
  grown(path, 500).close()
  const bytes = readFileSync(path)
  const before = openFiles()
  const changes: ((copy: Buffer) => Buffer)[] = [
    (copy) => copy.subarray(0, -1),
    (copy) => copy.subarray(0, -46),
    (copy) => copy.subarray(0, 10),
    (copy) => Buffer.concat([copy, Buffer.alloc(46)]),
    ...[0, 18, 22, 40, 0.5, 0.99].map((at) => (copy: Buffer) => {
      const place = Math.floor(at < 1 ? at * copy.length : at)
      copy[place] = (copy[place] as number) ^ 1
      return copy
    }),
  ]
  for (const change of changes) {
    writeFileSync(path, change(Buffer.from(bytes)))
    for (const most of [undefined, 0]) expect(RowIndex.read(path, most)).toBeUndefined()
  }
  expect(openFiles()).toBe(before)
})
