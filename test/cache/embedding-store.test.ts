import { hash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkEmbeddings, embeddingFolders } from '../../cache/embedding-check.ts'
import { type EmbeddingStore, openEmbeddings } from '../../cache/embedding-store.ts'
import { freshFolders } from './support.ts'

const freshFolder = freshFolders()
const DIMENSIONS = 5

function keys(names: readonly (string | number)[]): Buffer {
  return Buffer.concat(names.map((name) => hash('sha256', String(name), 'buffer')))
}

/** A vector that tells which name it is of. */
function vectors(names: readonly (string | number)[]): Float32Array {
  return Float32Array.from(names.flatMap((name) => Array.from({ length: DIMENSIONS }, (_, d) => Number(name) + d / 8)))
}

function open(folder: string, identity = 'a'): Promise<EmbeddingStore> {
  return openEmbeddings(folder, identity, DIMENSIONS)
}

function read(store: EmbeddingStore, names: readonly (string | number)[]): { missing: number[]; rows: Float32Array } {
  const rows = new Float32Array(names.length * DIMENSIONS)
  return { missing: store.getMany(keys(names), rows), rows }
}

function segmentOf(folder: string): string {
  const [found] = embeddingFolders(folder)
  return join(found!.path, found!.segments[0]!)
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)

describe('the embedding store', () => {
  test('gives back what was stored, in any order, also to whoever opens it later', async () => {
    const folder = freshFolder()
    const first = await open(folder)
    for (let at = 0; at < 5000; at += 500) first.append(keys(range(500, at)), vectors(range(500, at)))
    const asked = range(5100).map((i) => (i * 1009) % 5100)
    const expected = { missing: asked.flatMap((name, row) => (name >= 5000 ? [row] : [])) }
    for (const store of [first, await open(folder)]) {
      const { missing, rows } = read(store, asked)
      expect(missing).toEqual(expected.missing)
      const known = asked.map((name) => (name < 5000 ? name : Number.NaN))
      for (const [row, name] of known.entries())
        if (!Number.isNaN(name))
          expect(rows.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS)).toEqual(vectors([name]))
      await store.close()
    }
  })

  test('keeps encoders apart, by their identity and by their dimensions', async () => {
    const folder = freshFolder()
    const a = await open(folder)
    a.append(keys([1]), vectors([1]))
    const b = await open(folder, 'b')
    const c = await openEmbeddings(folder, 'a', 2)
    expect([read(b, [1]).missing, c.getMany(keys([1]), new Float32Array(2))]).toEqual([[0], [0]])
    for (const store of [a, b, c]) await store.close()
  })

  test('sees what others append meanwhile', async () => {
    const folder = freshFolder()
    const [a, b] = [await open(folder), await open(folder)]
    expect(b.has(keys([1, 2]))).toEqual([false, false])
    a.append(keys([1]), vectors([1]))
    expect(b.has(keys([1, 2]))).toEqual([true, false])
    b.append(keys([2]), vectors([2]))
    expect(read(a, [2, 1])).toEqual({ missing: [], rows: vectors([2, 1]) })
    await a.close()
    await b.close()
  })

  test('drops a torn tail, whatever is left of it, and goes on behind whole batches', async () => {
    const folder = freshFolder()
    const store = await open(folder)
    store.append(keys([1, 2]), vectors([1, 2]))
    const whole = readFileSync(segmentOf(folder)).length
    store.append(keys([3]), vectors([3]))
    await store.close()
    const segment = segmentOf(folder)
    const bytes = readFileSync(segment)
    for (let length = bytes.length - 1; length >= whole; length--) {
      truncateSync(segment, length)
      const again = await open(folder)
      expect(read(again, [1, 2, 3])).toEqual({
        missing: [2],
        rows: new Float32Array([...vectors([1, 2]), 0, 0, 0, 0, 0]),
      })
      await again.close()
      expect(checkEmbeddings(segment, DIMENSIONS)).toMatchObject({ good: 2, torn: length - whole })
    }
  })

  test('never gives a vector with a flipped bit: it counts as missing, or the rest of its segment does', async () => {
    const folder = freshFolder()
    const store = await open(folder)
    store.append(keys(range(3)), vectors(range(3)))
    store.append(keys(range(3, 3)), vectors(range(3, 3)))
    await store.close()
    const segment = segmentOf(folder)
    const bytes = readFileSync(segment)
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      writeFileSync(segment, damaged)
      const again = await open(folder)
      const { missing, rows } = read(again, range(6))
      expect(missing.length).toBeGreaterThan(0)
      for (const name of range(6))
        if (!missing.includes(name))
          expect(rows.subarray(name * DIMENSIONS, (name + 1) * DIMENSIONS)).toEqual(vectors([name]))
      const check = checkEmbeddings(segment, DIMENSIONS)
      expect(check.damaged.length + check.torn).toBeGreaterThan(0)
      await again.close()
    }
    // What is missing can be stored again, and is then found.
    const again = await open(folder)
    const { missing } = read(again, range(6))
    again.append(keys(missing), vectors(missing))
    expect(again.has(keys(range(6)))).not.toContain(false)
    await again.close()
  })
})
