import { expect, test } from 'vitest'
import { accepts } from '../../../engine/parse/accepts.ts'
import { INCLUDED_SCHEMA, POOLS_SCHEMA, SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from '../../../engine/parse/schema.ts'
import { errorsOf, type InputKinds } from '../../../engine/parse/validate.ts'
import { type SeededRandom, seededRandom } from '../../../engine/util/seeded-random.ts'
import type { Json, OptionsSchema } from '../../../stages/define.ts'
import { registry } from '../../../stages/registry.ts'

const SCHEMAS: readonly (readonly [name: string, schema: OptionsSchema])[] = [
  ['the pipeline', STRUCTURE_SCHEMA],
  ['an included file', INCLUDED_SCHEMA],
  ['settings', SETTINGS_SCHEMA],
  ['pools', POOLS_SCHEMA],
  ['models', registry.models.schema],
  ['datasets', registry.datasets.schema],
  ...Object.values(registry.stages).map(({ type, options }) => [type, options] as const),
]

const KINDS: InputKinds = new Map([
  ['a', 'passages'],
  ['b', 'pairs'],
  ['c', 'llm'],
  ['d', 'dataset'],
  ['e', 'unknown'],
])
const NAMES = ['a', 'name', 'a b', '1', '', 'x'.repeat(120), 'é', '$input']
const TEXTS = [
  ...NAMES,
  '10 GiB',
  '2h',
  '90 s',
  'ndcg@10',
  'https://example.org/v1',
  '${params.k}',
  '2.5',
  '\u{1f600}',
  'a/b',
]
const JUNK: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e12,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [],
  {},
  [1, 1],
  [{}, {}],
]

test.each(SCHEMAS)('what is right by the schema of %s is told without Ajv, and nothing else', (_, schema) => {
  const random = seededRandom(7)
  let right = 0
  let wrong = 0
  // Of schemas with much in them, few random values are right.
  for (let round = 0; round < 1500 || (right <= 5 && round < 30_000); round++) {
    const value = drawn(schema, random, 0)
    const told = accepts(schema, value, KINDS)
    const truth = errorsOf(schema, value, KINDS).length === 0
    expect({ value, told }).toEqual({ value, told: truth })
    if (told) right++
    else wrong++
  }
  expect(right).toBeGreaterThan(5)
  expect(wrong).toBeGreaterThan(5)
})

test('a word that is not known, and a comparison of lists, are left to Ajv', () => {
  expect(accepts({ type: 'array', contains: { type: 'string' } }, ['a'], KINDS)).toBe(false)
  expect(accepts({ oneOf: [{ type: 'string' }, { not: {} }] }, 'a', KINDS)).toBe(false)
  expect(accepts({ enum: [[1]] }, [1], KINDS)).toBe(false)
  expect(accepts({ enum: [[1]] }, 1, KINDS)).toBe(false)
})

/** A value that has a fair chance to be right. */
function drawn(schema: OptionsSchema, random: SeededRandom, depth: number): Json {
  const any = <Item>(items: readonly Item[]): Item => items[random.below(items.length)] as Item
  const happens = (chance: number): boolean => random.below(1000) < chance * 1000
  if (happens(0.03)) return any(happens(0.5) ? JUNK : TEXTS)
  if (schema.slot && happens(0.7)) return { $input: any([...KINDS.keys(), 'unheard of']) }
  const branches = schema.oneOf ?? schema.anyOf
  if (branches && happens(0.9)) return drawn(any(branches), random, depth)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return any(schema.enum)
  const type = any([schema.type ?? ['string', 'number', 'object']].flat())
  switch (type) {
    case 'object': {
      const map: { [name: string]: Json } = {}
      for (const [name, member] of Object.entries(schema.properties ?? {}))
        if (happens(schema.required?.includes(name) ? 0.97 : depth > 3 ? 0.1 : 0.3))
          map[name] = drawn(member, random, depth + 1)
      const { additionalProperties: rest } = schema
      if (happens(0.02)) map[any(NAMES)] = any(JUNK)
      if (rest && rest !== true)
        for (let left = random.below(3); left > 0; left--) map[any(NAMES)] = drawn(rest, random, depth + 1)
      return map
    }
    case 'array':
      return Array.from({ length: random.below(4) }, () => drawn(schema.items ?? {}, random, depth + 1))
    case 'number':
    case 'integer': {
      const limits = [schema.minimum, schema.maximum, schema.exclusiveMinimum, schema.exclusiveMaximum]
      const near = any([0, 1, 0.5, 7, ...limits.filter((limit) => typeof limit === 'number')])
      return happens(0.8) ? near : near + any([-1, 1, 0.5, -0.5])
    }
    case 'boolean':
      return happens(0.5)
    case 'null':
      return null
    default:
      return any(TEXTS)
  }
}
