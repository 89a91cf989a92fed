import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../../../stages/define.ts'
import { readJson, schemaProblem } from '../../../../stages/generate/prompt/json-answer.ts'

const schema = {
  type: 'object',
  required: ['query'],
  additionalProperties: false,
  properties: { query: { type: 'string', minLength: 1 }, task: { type: 'string' } },
}

test('an object is found whatever stands around it, and is exactly what was written', () => {
  // Prose without brackets; the texts inside may hold any of them.
  const prose = fc.string().map((text) => text.replace(/[[\]{}"]/g, ''))
  fc.assert(
    fc.property(
      prose,
      fc.record({ query: fc.string({ minLength: 1, unit: 'grapheme' }), task: fc.string() }),
      prose,
      (before, value, after) => {
        for (const text of [
          JSON.stringify(value),
          `${before}${JSON.stringify(value)}${after}`,
          `${before}\n\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`\n${after}`,
        ])
          expect(readJson(text, schema)).toEqual({ value })
      },
    ),
  )
})

test.each([
  ['', 'it holds no complete JSON value'],
  ['{"query": "cut sho', 'it holds no complete JSON value'],
  ['{"query": 1}', '`query` must be string'],
  ['{"task": "t"}', "it must have required property 'query'"],
  ['{"query": ""}', '`query` must NOT have fewer than 1 characters'],
  ['[1, 2]', 'it must be object'],
])('%j is told what is wrong with it', (text, problem) => {
  expect(readJson(text, schema)).toEqual({ problem })
})

test('of several values the first that fits counts, and brackets in prose are no values', () => {
  expect(readJson('[see {this}] {"task": "t"} and {"query": "q }"}', schema)).toEqual({ value: { query: 'q }' } })
  expect(readJson(`${'{'.repeat(5000)}{"query": "q"}`, schema)).toEqual({ problem: expect.any(String) })
})

test.each<[Json, string]>([
  ['text', '`schema` must be a map'],
  [{ type: 'objekt' }, '`schema` is no JSON Schema'],
  [{ properties: { a: { pattern: '(a+)+$' } } }, "`pattern` can't stand in the schema of answers"],
  [{ allOf: [{ $ref: 'https://elsewhere.example' }] }, "`$ref` can't stand"],
  [{ description: 'x'.repeat(40_000) }, 'larger than 32 KiB'],
])('schema %j is refused', (refused, message) => {
  expect(schemaProblem(refused)).toContain(message)
})

test('members of an answer may be named like words that are refused', () => {
  expect(schemaProblem({ type: 'object', properties: { pattern: { enum: ['format'] } } })).toBe(undefined)
})
