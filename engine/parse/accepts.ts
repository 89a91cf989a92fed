import type { Json, OptionsSchema } from '../../stages/define.ts'
import type { InputKinds } from './validate.ts'

type Check = (limit: never, value: Json, schema: OptionsSchema, inputs: InputKinds) => boolean

/**
 * Whether a value is surely right by a schema. Most are, and finding that out takes a fraction of what compiling the
 * schema takes; what is wrong with the others, and whether what this does not understand is right, is for `validate`.
 */
export function accepts(schema: OptionsSchema, value: Json, inputs: InputKinds): boolean {
  try {
    return fits(schema, value, inputs)
  } catch (error) {
    if (error === UNSURE) return false
    throw error
  }
}

const UNSURE = new Error('unsure')

function fits(schema: OptionsSchema, value: Json, inputs: InputKinds): boolean {
  if (schema.slot) {
    if (fillsSlot(schema.slot, value, inputs)) return true
    if (!hasAlternative(schema)) return false
  }
  for (const [word, limit] of Object.entries(schema)) {
    if (limit === undefined || SAYS_NOTHING.has(word)) continue
    const check = CHECKS[word]
    if (!check) throw UNSURE
    if (!check(limit as never, value, schema, inputs)) return false
  }
  return true
}

/** Whether a marker stands there for an input of a kind that the slot takes. */
export function fillsSlot(
  { accepts: kinds }: NonNullable<OptionsSchema['slot']>,
  value: unknown,
  inputs: InputKinds,
): boolean {
  const name = (value as { $input?: unknown } | null)?.$input
  if (typeof name !== 'string') return false
  const kind = inputs.get(name)
  return kind === 'unknown' || (kind !== undefined && kinds.includes(kind))
}

/** Whether something else than an input may stand at a slot: what is no text (`{ slot, type: 'object', … }`), or one of several. */
export function hasAlternative({ type, oneOf, anyOf, enum: some }: OptionsSchema): boolean {
  return (type !== undefined && type !== 'string') || !!(oneOf || anyOf || some)
}

const SAYS_NOTHING: ReadonlySet<string> = new Set([
  ...['description', 'default', 'slot', 'semantic', 'relative', 'expects', 'code'],
  ...['title', 'examples', 'deprecated', '$schema'],
])

const CHECKS: { readonly [word: string]: Check } = {
  type: (types: string | readonly string[], value) =>
    (Array.isArray(types) ? types : [types]).some((type) => isOf(type, value)),
  const: (only: Json, value) => isSame(only, value),
  enum: (some: readonly Json[], value) => some.some((one) => isSame(one, value)),
  oneOf: (branches: readonly OptionsSchema[], value, _, inputs) =>
    branches.filter((branch) => fits(branch, value, inputs)).length === 1,
  anyOf: (branches: readonly OptionsSchema[], value, _, inputs) =>
    branches.some((branch) => fits(branch, value, inputs)),

  minimum: (limit: number, value) => typeof value !== 'number' || value >= limit,
  maximum: (limit: number, value) => typeof value !== 'number' || value <= limit,
  exclusiveMinimum: (limit: number, value) => typeof value !== 'number' || value > limit,
  exclusiveMaximum: (limit: number, value) => typeof value !== 'number' || value < limit,

  minLength: (limit: number, value) => typeof value !== 'string' || [...value].length >= limit,
  maxLength: (limit: number, value) => typeof value !== 'string' || [...value].length <= limit,
  pattern: (pattern: string, value) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),

  minItems: (limit: number, value) => !Array.isArray(value) || value.length >= limit,
  maxItems: (limit: number, value) => !Array.isArray(value) || value.length <= limit,
  uniqueItems: (wanted: boolean, value) =>
    !wanted ||
    !Array.isArray(value) ||
    value.every((item, at) => !value.slice(0, at).some((other) => isSame(item, other))),
  items: (schema: OptionsSchema, value, _, inputs) =>
    !Array.isArray(value) || value.every((item) => fits(schema, item, inputs)),

  required: (names: readonly string[], value) => !isMap(value) || names.every((name) => Object.hasOwn(value, name)),
  minProperties: (limit: number, value) => !isMap(value) || Object.keys(value).length >= limit,
  maxProperties: (limit: number, value) => !isMap(value) || Object.keys(value).length <= limit,
  propertyNames: (schema: OptionsSchema, value, _, inputs) =>
    !isMap(value) || Object.keys(value).every((name) => fits(schema, name, inputs)),
  properties: (schemas: { readonly [name: string]: OptionsSchema }, value, _, inputs) =>
    !isMap(value) ||
    Object.entries(value).every(
      ([name, member]) => !Object.hasOwn(schemas, name) || fits(schemas[name]!, member, inputs),
    ),
  additionalProperties: (rest: boolean | OptionsSchema, value, { properties = {} }, inputs) =>
    rest === true ||
    !isMap(value) ||
    Object.entries(value).every(
      ([name, member]) => Object.hasOwn(properties, name) || (rest !== false && fits(rest, member, inputs)),
    ),
}

function isOf(type: string, value: Json): boolean {
  switch (type) {
    case 'object':
      return isMap(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'number':
      return Number.isFinite(value)
    case 'integer':
      return Number.isInteger(value)
    case 'string':
    case 'boolean':
      return typeof value === type
    default:
      throw UNSURE
  }
}

function isMap(value: Json): value is { readonly [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function isSame(one: Json, other: Json): boolean {
  if (one === other) return true
  if (one !== null && other !== null && typeof one === 'object' && typeof other === 'object') throw UNSURE
  return false
}
