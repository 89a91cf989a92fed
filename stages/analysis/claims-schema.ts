import type { OptionsSchema } from '../define.ts'

const chosen: OptionsSchema = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    required: ['system'],
    properties: { system: { type: 'string', description: 'Its label.' } },
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  },
}

/** JSON Schema of `claims`. */
export const claimsSchema: OptionsSchema = {
  type: 'array',
  minItems: 1,
  description: 'Findings to be checked on every collection: each holds, does not hold, or is undetermined.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['claim', 'all'],
    properties: {
      claim: { type: 'string', minLength: 1, maxLength: 200, description: 'What is claimed, in words.' },
      finding: {
        type: 'string',
        minLength: 1,
        maxLength: 200,
        description:
          'What the claim is one test of, in words: `queryloom claims` puts tests of one finding together, from several analyses.',
      },
      all: {
        type: 'array',
        minItems: 1,
        description:
          'Differences that must all be as claimed. Each holds where its 95 % interval, over queries and trainings, lies wholly between `above` and `below`, and does not where it lies wholly outside.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['plus', 'minus'],
          properties: {
            plus: { ...chosen, description: 'Systems whose scores are added up, by label and values of their axes.' },
            minus: { ...chosen, description: 'Systems whose scores are taken off.' },
            above: { type: 'number', description: 'What the difference is claimed to be above.' },
            below: { type: 'number', description: 'What it is claimed to be below.' },
            metric: { type: 'string', description: 'Default: the first of `metrics`.' },
          },
        },
      },
    },
  },
}
