import { expect, test } from 'vitest'
import { suggest } from '../../../engine/parse/suggest.ts'

const NAMES = ['fraction', 'dataset', 'seed', 'with', 'k']

test.each([
  ['fractoin', 'fraction'],
  ['datset', 'dataset'],
  ['SEED', 'seed'],
  ['wiht', 'with'],
  ['K', 'k'],
  ['concurrency', undefined],
  ['x', undefined],
])('%s -> %s', (name, meant) => {
  expect(suggest(name, NAMES)).toBe(meant)
  expect(suggest(name, [...NAMES].reverse())).toBe(meant)
})

test('of equally near names the first in the alphabet is suggested, whatever their order', () => {
  expect(suggest('bat', ['cat', 'hat'])).toBe('cat')
  expect(suggest('bat', ['hat', 'cat'])).toBe('cat')
})
