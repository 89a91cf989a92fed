import { createRequire } from 'node:module'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import type { Json } from '../../define.ts'

/** Words with which validation can take for ever, or that lead out of the schema. */
const REFUSED = ['$ref', '$dynamicRef', '$recursiveRef', '$id', '$schema', 'pattern', 'patternProperties', 'format']
/** Words whose members are names, not words of the schema. */
const NAMES = ['properties', '$defs', 'definitions', 'dependentRequired', 'dependentSchemas']
const MAX_SCHEMA_CHARACTERS = 32_768
const MAX_ERRORS = 3
/** Places at which a JSON value may begin that are tried. */
const MAX_STARTS = 64

const compiled = new WeakMap<object, ValidateFunction>()

/** What is wrong with a schema of answers, or undefined. */
export function schemaProblem(schema: Json): string | undefined {
  if (schema === null || typeof schema !== 'object' || Array.isArray(schema)) return '`schema` must be a map'
  if (JSON.stringify(schema).length > MAX_SCHEMA_CHARACTERS) return '`schema` is larger than 32 KiB'
  const refused = refusedIn(schema)
  if (refused !== undefined) return `\`${refused}\` can't stand in the schema of answers`
  try {
    validatorOf(schema)
    return undefined
  } catch (error) {
    return `\`schema\` is no JSON Schema: ${(error as Error).message}`
  }
}

/**
 * The JSON value in an answer (alone, in a code block or among other text) if it is valid under the schema, or what is
 * wrong. Of several values, the first that is valid counts.
 */
export function readJson(text: string, schema: Json): { value: Json } | { problem: string } {
  const validate = validatorOf(schema as object)
  let problem: string | undefined
  for (const value of valuesIn(text.toWellFormed())) {
    if (validate(value)) return { value }
    problem ??= describe(validate.errors ?? [])
  }
  return { problem: problem ?? 'it holds no complete JSON value' }
}

/** Objects and lists in a text, each as soon as it is complete; what lies inside one is not given again. */
function* valuesIn(text: string): Generator<Json> {
  let starts = 0
  for (let at = text.search(/[[{]/); at !== -1 && starts < MAX_STARTS; starts++) {
    const end = endOf(text, at)
    const value = end === undefined ? undefined : parsed(text.slice(at, end))
    if (value !== undefined) yield value.json
    const next = value === undefined ? at + 1 : end!
    const found = text.slice(next).search(/[[{]/)
    at = found === -1 ? -1 : next + found
  }
}

// Where the bracket at `start` closes, by counting brackets outside of strings.
function endOf(text: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++
    } else if (character === '{' || character === '[') depth++
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1
  }
  return undefined
}

function parsed(text: string): { json: Json } | undefined {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function validatorOf(schema: object): ValidateFunction {
  let validate = compiled.get(schema)
  if (!validate) {
    const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
    validate = new Ajv2020({ allErrors: false, strictTypes: false, strictRequired: false, logger: false }).compile(
      schema,
    )
    compiled.set(schema, validate)
  }
  return validate
}

function describe(errors: readonly ErrorObject[]): string {
  return errors
    .slice(0, MAX_ERRORS)
    .map(({ instancePath, message }) => `${instancePath === '' ? 'it' : `\`${instancePath.slice(1)}\``} ${message}`)
    .join('; ')
}

function refusedIn(schema: Json): string | undefined {
  if (Array.isArray(schema)) return schema.map(refusedIn).find((word) => word !== undefined)
  if (schema === null || typeof schema !== 'object') return undefined
  for (const [word, value] of Object.entries(schema)) {
    if (REFUSED.includes(word)) return word
    const named = NAMES.includes(word) && value !== null && typeof value === 'object'
    const found = named
      ? refusedIn(Object.values(value))
      : word === 'enum' || word === 'const'
        ? undefined
        : refusedIn(value)
    if (found !== undefined) return found
  }
  return undefined
}
