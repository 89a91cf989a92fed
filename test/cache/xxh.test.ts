import { beforeAll, expect, test } from 'vitest'
import { hash64, hash64Bytes, loadXxh } from '../../cache/xxh.ts'

beforeAll(loadXxh)

test.each([
  ['', 0n, 0xef46db3751d8e999n],
  ['abc', 0n, 0x44bc2cf5ad770999n],
])('XXH64 of %j with seed %d is that of the reference', (text, seed, value) => {
  expect(hash64(text, seed)).toBe(value)
  expect(hash64Bytes(Buffer.from(text), seed)).toBe(value)
})

test('XXH64 depends on the seed, and takes a text as its UTF-8 bytes', () => {
  expect(hash64('abc', 1n)).not.toBe(hash64('abc'))
  expect(hash64('ü😀', 7n)).toBe(hash64Bytes(Buffer.from('ü😀'), 7n))
})
