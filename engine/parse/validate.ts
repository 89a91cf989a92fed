import { createRequire } from 'node:module'
import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import type { ArtifactKind, Json, OptionsSchema, Slot, SourceKind } from '../../stages/define.ts'
import { accepts, fillsSlot, hasAlternative } from './accepts.ts'

/** Kinds of the inputs that stand in a value, by the name in their markers; `unknown` fits every slot. */
export type InputKinds = ReadonlyMap<string, ArtifactKind | SourceKind | 'unknown'>

let ajv: Ajv2020 | undefined
const compiled = new WeakMap<OptionsSchema, ValidateFunction>()

/**
 * Checks a value by a schema with our words in it (`slot`, `semantic`, `relative`, `expects`, `code`) and gives all
 * errors.
 */
export function validate(schema: OptionsSchema, value: Json, inputs: InputKinds = new Map()): readonly ErrorObject[] {
  return accepts(schema, value, inputs) ? [] : errorsOf(schema, value, inputs)
}

/** The same, found by Ajv. Each schema object is compiled once. One that is itself wrong throws: a bug of its author. */
export function errorsOf(schema: OptionsSchema, value: Json, inputs: InputKinds): readonly ErrorObject[] {
  let check = compiled.get(schema)
  if (!check) {
    ajv ??= createAjv()
    check = ajv.compile(openSlots(schema))
    compiled.set(schema, check)
  }
  return check.call(inputs as never, value) ? [] : [...(check.errors ?? [])]
}

function createAjv(): Ajv2020 {
  // Loaded only to tell what is wrong.
  const { Ajv2020: Ajv } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  const made = new Ajv({
    allErrors: true,
    verbose: true,
    // Checking our own schemas against the meta-schema costs more than all else here; a test does it instead.
    validateSchema: false,
    meta: false,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    allowUnionTypes: true,
    discriminator: true,
    validateFormats: false,
    passContext: true,
    logger: false,
  })
  made.addVocabulary(['semantic', 'relative', 'expects', 'code'])
  made.addKeyword({
    keyword: 'slot',
    schemaType: 'object',
    errors: false,
    validate(this: InputKinds, slot: Slot, value: unknown): boolean {
      return fillsSlot(slot, value, this)
    },
  })
  return made
}

const LISTS = ['oneOf', 'anyOf', 'allOf', 'prefixItems']
const SINGLES = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'unevaluatedProperties']
const MAPS = ['properties', 'patternProperties', '$defs', 'dependentSchemas']

/**
 * At a slot stands a marker once inputs are bound, whatever else the schema there says for editors; what is no text
 * remains an alternative (`{ slot, type: 'object', … }`).
 */
function openSlots(schema: OptionsSchema): OptionsSchema {
  const out: { [word: string]: unknown } = {}
  for (const [word, value] of Object.entries(schema)) {
    if (value === undefined) continue
    if (LISTS.includes(word)) out[word] = (value as OptionsSchema[]).map(openSlots)
    else if (SINGLES.includes(word) && typeof value === 'object') out[word] = openSlots(value as OptionsSchema)
    else if (MAPS.includes(word)) {
      const members = Object.entries(value as { [name: string]: OptionsSchema })
      out[word] = Object.fromEntries(members.map(([name, member]) => [name, openSlots(member)]))
    } else out[word] = value
  }
  if (!schema.slot) return out
  const { slot, description, semantic: _, default: __, ...rest } = out
  const words = { slot, ...(description === undefined ? {} : { description }) }
  return (hasAlternative(rest) ? { anyOf: [words, rest] } : words) as OptionsSchema
}
