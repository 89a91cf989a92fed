import { expect, test } from 'vitest'
import { semanticOptions } from '../../../engine/plan/semantic.ts'
import type { OptionsSchema } from '../../../stages/define.ts'

const off: OptionsSchema = { type: 'integer', semantic: false }
const on: OptionsSchema = { type: 'integer' }
const schema: OptionsSchema = {
  type: 'object',
  properties: {
    concurrency: off,
    seed: on,
    nested: { type: 'object', properties: { device: off, depth: on }, additionalProperties: off },
    steps: {
      type: 'array',
      items: {
        oneOf: [
          { type: 'object', properties: { dense: on, batch: off, shared: off } },
          { type: 'object', properties: { sparse: on, shared: on } },
        ],
      },
    },
    cache: { semantic: false, anyOf: [{ type: 'object' }, { type: 'string' }] },
  },
}

test('what can not change the result is taken out, wherever it stands', () => {
  const options = {
    concurrency: 8,
    seed: 1,
    nested: { device: 0, depth: 2, other: 3 },
    steps: [{ dense: 1, batch: 2 }, { sparse: 3 }],
    cache: { a: 1 },
    unknown: { concurrency: 1 },
  }
  expect(semanticOptions(schema, options)).toEqual({
    seed: 1,
    nested: { depth: 2 },
    steps: [{ dense: 1 }, { sparse: 3 }],
    unknown: { concurrency: 1 },
  })
  expect(options.nested.device).toBe(0)
})

test('what can change it in one branch of a union stays', () => {
  expect(semanticOptions(schema, { steps: [{ shared: 1 }] })).toEqual({ steps: [{ shared: 1 }] })
})
