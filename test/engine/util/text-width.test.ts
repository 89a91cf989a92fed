import { expect, test } from 'vitest'
import { cutToWidth, textWidth, wrapToWidth } from '../../../engine/util/text-width.ts'

test.each([
  ['plain', 5],
  ['größe', 5],
  ['日本語', 6],
  ['한국어 x', 8],
  ['e\u0301te\u0301', 3],
  ['👩‍🔬 ok', 5],
  ['🇩🇪', 2],
  ['a\u200bb', 2],
  ['', 0],
])('%s takes %i columns', (text, width) => {
  expect(textWidth(text)).toBe(width)
})

test('a text is cut before what does not fit, and never inside a character', () => {
  expect(cutToWidth('日本語の文', 10)).toBe('日本語の文')
  expect(cutToWidth('日本語の文', 9)).toBe('日本語の…')
  expect(cutToWidth('日本語の文', 8)).toBe('日本語…')
  expect(textWidth(cutToWidth('日本語の文', 8))).toBeLessThanOrEqual(8)
  expect(cutToWidth('👩‍🔬👩‍🔬👩‍🔬', 4)).toBe('👩‍🔬…')
  expect(cutToWidth('abc', 2)).toBe('a…')
  expect(cutToWidth('abc', 0)).toBe('')
})

test('a sentence is wrapped at its spaces, and what is longer than a line stays whole', () => {
  expect(wrapToWidth('one two three four', 9, '  ')).toBe('one two\n  three\n  four')
  expect(wrapToWidth('  item of a list', 11, '    ')).toBe('  item of a\n    list')
  expect(wrapToWidth('日本 日本 日本', 9)).toBe('日本 日本\n日本')
  expect(wrapToWidth('unbreakable word', 4)).toBe('unbreakable\nword')
  expect(wrapToWidth('as  it is', Number.POSITIVE_INFINITY)).toBe('as  it is')
})
