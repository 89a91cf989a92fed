import { expect, test } from 'vitest'
import { readChoice } from '../../../../stages/generate/choice.ts'
import { parseAnswer } from '../../../../stages/generate/prompt/answer.ts'
import type { AnswerRule } from '../../../../stages/generate/prompt/answer-rule.ts'

const rule: AnswerRule = {
  first_line: true,
  labels: ['Query:', 'Search query:'],
  strip: ['quotes', 'numbering'],
  max_characters: 60,
}

test.each([
  [' how to knead dough\n', 'how to knead dough'],
  ['\n\n  second line counts \nnot this', 'second line counts'],
  ['1. Query: "how to   knead"', 'how to knead'],
  ['QUERY: 2) “why rest dough?”', 'why rest dough?'],
  ['- what is 3.5 mm', 'what is 3.5 mm'],
  ['"bread" or "cake"', '"bread" or "cake"'],
  ["bakers' yeast", "bakers' yeast"],
  ['1984 novel author', '1984 novel author'],
  ['パンの焼き方', 'パンの焼き方'],
])('%j holds the query %j', (text, query) => {
  expect(parseAnswer(text, rule)).toBe(query)
})

test.each(['', '  \n ', '"..."', 'Query:', '---', 'x'.repeat(61)])('%j holds no query', (text) => {
  expect(parseAnswer(text, rule)).toBeUndefined()
})

test('without a first line, all lines are one query', () => {
  expect(parseAnswer('a\nb', { ...rule, first_line: false })).toBe('a b')
})

test('log-probabilities are averaged in the three forms that servers give', () => {
  expect(readChoice({ choices: [{ text: 'a', logprobs: { token_logprobs: [-1, null, -3] } }] })).toEqual({
    text: 'a',
    logprob: -2,
  })
  expect(readChoice({ choices: [{ text: 'a', logprobs: { content: [{ logprob: -1 }] } }] })).toEqual({
    text: 'a',
    logprob: -1,
  })
  expect(readChoice({ choices: [{ message: { content: 'a' }, logprobs: null }] })).toEqual({ text: 'a' })
})

test('an answer of another shape is none', () => {
  for (const value of [null, 'text', [], {}, { choices: [] }, { choices: [{}] }, { choices: [{ text: 1 }] }])
    expect(readChoice(value)).toBeUndefined()
  expect(readChoice({ choices: [{ message: { content: null } }] })).toEqual({ text: '' })
})
