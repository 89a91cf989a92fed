import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnswer } from '../../../../stages/generate/prompt/answer.ts'
import { type Prompt, parsePrompt } from '../../../../stages/generate/prompt/prompt.ts'

function prompt(text: string): Prompt {
  const result = parsePrompt(text, 'p.yaml')
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result.value
}

const read = (members: string, answer: string): unknown => readAnswer(answer, prompt(`{user: "{{text}}", ${members}}`))

test('a list has a query on each line, without what dresses it', () => {
  const answer = 'Here:\n1. "how to knead"\n2) Query: knead dough\n\n - - -\n• why knead\n'
  expect(read('parse: {list: true}', answer)).toEqual({
    queries: ['Here:', 'how to knead', 'knead dough', 'why knead'],
  })
  expect(read('parse: {list: true}', '---\n')).toEqual({ problem: 'it holds no query' })
})

test('sections are read by their headings', () => {
  const parse = 'parse: {query: "## Positive", negatives: "## Negative"}'
  const answer = 'Sure.\n## Positive\nhow to knead\n\n## negative\nThe history\nof bread.\n'
  expect(read(parse, answer)).toEqual({ queries: ['how to knead'], negatives: ['The history of bread.'] })
  expect(read(parse, '## Positive\nhow to knead')).toEqual({ problem: 'it holds no negative' })
  expect(read(parse, 'how to knead')).toEqual({ problem: 'it holds no query' })
})

test('members of JSON are found by dotted paths, through lists', () => {
  const schema = 'schema: {type: object}'
  const one = '{"user": {"query": " how to\\n knead "}, "no": ["a text", "another"]}'
  expect(read(`${schema}, parse: {query: user.query, negatives: "no"}`, one)).toEqual({
    queries: ['how to knead'],
    negatives: ['a text', 'another'],
  })
  const many = '{"items": [{"query": "a"}, {"query": "..."}, {"query": "b"}]}'
  expect(read(`${schema}, parse: {query: items.query}`, many)).toEqual({ queries: ['a', 'b'] })
  expect(read(schema, '{"other": 1}')).toEqual({ problem: 'it holds no query' })
  expect(read(`${schema}, parse: {grade: score, scale: {yes: 1, no: 0}}`, '{"score": "Yes"}')).toEqual({
    queries: [],
    grade: 1,
  })
  expect(read(`${schema}, parse: {grade: score}`, '{"score": 2.5}')).toEqual({ queries: [], grade: 2.5 })
})

test('no answer makes reading it fail, and what is read is clean', () => {
  const rules = [
    'parse: {list: true}',
    'parse: {query: "## Q", negatives: "## N"}',
    'schema: {type: object}',
    'parse: {scale: [0, 1, 2, 3]}',
    'parse: {first_line: false}',
  ].map((rule) => prompt(`{user: "{{text}}", ${rule}}`))
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.string().map((text) => `## Q${text}## N${text}`),
  )
  fc.assert(
    fc.property(anything, fc.constantFrom(...rules), (text, rule) => {
      const parsed = readAnswer(text, rule)
      if ('problem' in parsed) return
      for (const query of [...parsed.queries, ...(parsed.negatives ?? [])]) {
        expect(query).toBe(query.trim())
        expect(query).toMatch(/[\p{L}\p{N}]/u)
        expect(query).not.toMatch(/[\r\n\t]/)
      }
    }),
  )
})
