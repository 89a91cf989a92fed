import type { ErrorObject } from 'ajv/dist/2020.js'
import type { Json, OptionsSchema } from '../../stages/define.ts'
import type { DiagnosticCode } from './diagnostic.ts'
import { either, kindsInWords } from './kinds.ts'
import { pathForPeople, pathOf } from './path-text.ts'
import type { SourcePath } from './pipeline.ts'
import { suggest } from './suggest.ts'

/** One thing that is wrong with a value, in words; `path` leads to it within the value. */
export interface SchemaProblem {
  path: SourcePath
  /** What to point at. */
  what: 'key' | 'value'
  code: DiagnosticCode
  message: string
  suggestion?: string
  advice?: string
}

const MOST_KEYS_LISTED = 16
const LONGEST_KEY = 40
const RANGES = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']

/**
 * Says in plain words what a schema's errors mean: one problem for each thing to mend. A required key that is missing
 * and an unknown one of nearly that name are one misspelling; of a union only the branch that was meant counts.
 */
export function explainErrors(errors: readonly ErrorObject[]): SchemaProblem[] {
  const problems: SchemaProblem[] = []
  let pool = errors.filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames')
  // Whether a value of another type is in range is no question.
  const mistyped = new Set(pool.filter(({ keyword }) => keyword === 'type').map(placeAndSchema))
  pool = pool.filter((error) => !(RANGES.includes(error.keyword) && mistyped.has(placeAndSchema(error))))
  const unions = pool.filter(isUnion).sort((a, b) => a.schemaPath.length - b.schemaPath.length)
  for (const union of unions) {
    if (!pool.includes(union)) continue
    const inside = pool.filter((error) => error !== union && isWithin(error, union))
    pool = pool.filter((error) => error !== union && !inside.includes(error))
    problems.push(...explainUnion(union, inside))
  }
  const misspelt = new Set<ErrorObject>()
  for (const error of pool) {
    if (error.keyword !== 'additionalProperties' && error.keyword !== 'unevaluatedProperties') continue
    const missing = pool.filter((other) => other.keyword === 'required' && other.instancePath === error.instancePath)
    const { problem, meant } = explainUnknownKey(error, knownKeys(error.parentSchema))
    const merged = missing.find((other) => other.params.missingProperty === meant)
    if (merged) misspelt.add(merged)
    misspelt.add(error)
    problems.push(problem)
  }
  for (const error of pool) if (!misspelt.has(error)) problems.push(explainOne(error))
  return problems
}

// Of the alternatives of a union, each has a schema of its own.
function placeAndSchema({ instancePath, schemaPath, keyword }: ErrorObject): string {
  return `${instancePath} ${schemaPath.slice(0, -keyword.length)}`
}

function isUnion(error: ErrorObject): boolean {
  return error.keyword === 'oneOf' || error.keyword === 'anyOf'
}

function isWithin(error: ErrorObject, union: ErrorObject): boolean {
  const at = union.instancePath
  return (
    error.schemaPath.startsWith(`${union.schemaPath}/`) &&
    (error.instancePath === at || error.instancePath.startsWith(`${at}/`))
  )
}

function explainUnion(union: ErrorObject, inside: readonly ErrorObject[]): SchemaProblem[] {
  const schemas = union.schema as readonly OptionsSchema[]
  const branches = schemas
    .map((schema, i) => {
      const prefix = `${union.schemaPath}/${i}/`
      const errors = inside.filter((error) => error.schemaPath.startsWith(prefix))
      return { schema, errors, here: errors.filter((error) => error.instancePath === union.instancePath) }
    })
    .filter(({ errors }) => errors.length > 0)
  const path = toPath(union)
  if (branches.length < schemas.length || branches.length === 0)
    return [{ path, what: 'value', code: 'wrong-value', message: `${quoted(path)} fits several forms at once` }]
  const shaped = branches.filter(({ here }) => !here.some(missesShape))
  if (shaped.length === 0) {
    const wanted = [...new Set(schemas.flatMap(formsOf))]
    return [wrong(union, wanted, schemas.flatMap(textsOf))]
  }
  // A key that no branch knows is what to talk about, with the keys of all of them in mind.
  const unknownIn = (here: readonly ErrorObject[]): ErrorObject[] =>
    here.filter((error) => error.keyword === 'additionalProperties')
  const everywhere = unknownIn(shaped[0]!.here).filter(({ params }) =>
    shaped.every(({ here }) =>
      unknownIn(here).some((other) => other.params.additionalProperty === params.additionalProperty),
    ),
  )
  if (shaped.length > 1 && everywhere.length > 0) {
    const keys = shaped.flatMap(({ schema }) => Object.keys(schema.properties ?? {}))
    return everywhere.map((error) => explainUnknownKey(error, [...new Set(keys)]).problem)
  }
  const cost = ({ errors, here }: (typeof shaped)[number]): number =>
    1000 * errors.filter((error) => error.keyword === 'const').length +
    100 * unknownIn(here).length +
    10 * here.length +
    errors.length
  const best = shaped.reduce((a, b) => (cost(b) < cost(a) ? b : a))
  return explainErrors(best.errors)
}

/** Whether an error means that a value is of another form altogether, rather than a faulty one of this form. */
function missesShape(error: ErrorObject): boolean {
  return ['type', 'enum', 'const', 'slot'].includes(error.keyword)
}

function explainUnknownKey(error: ErrorObject, known: readonly string[]): { problem: SchemaProblem; meant?: string } {
  const key = (error.params.additionalProperty ?? error.params.unevaluatedProperty) as string
  const around = toPath(error)
  const meant = suggest(key, known)
  const within = around.length === 0 ? '' : ` in ${quoted(around)}`
  const listed = key.startsWith('//')
    ? 'A comment begins with `#`.'
    : known.length === 0
      ? 'There are no keys here.'
      : known.length <= MOST_KEYS_LISTED
        ? `Known here: ${[...known].sort().join(', ')}.`
        : undefined
  const problem: SchemaProblem = {
    path: [...around, key],
    what: 'key',
    code: 'unknown-key',
    message: `unknown key \`${cut(key)}\`${within}`,
    ...(meant !== undefined ? { suggestion: meant } : listed !== undefined ? { advice: listed } : {}),
  }
  return meant === undefined ? { problem } : { problem, meant }
}

function explainOne(error: ErrorObject): SchemaProblem {
  const path = toPath(error)
  const { params, keyword } = error
  const parent = (error.parentSchema ?? {}) as OptionsSchema
  const subject = quoted(path)
  const problem = (code: DiagnosticCode, message: string, what: 'key' | 'value' = 'value'): SchemaProblem => ({
    path,
    what,
    code,
    message,
  })
  const value = (needed: string): SchemaProblem =>
    problem('wrong-value', `${subject} must be ${needed}, but is ${shown(error.data)}`)
  if (error.propertyName !== undefined) {
    const needed = typeof parent.expects === 'string' ? parent.expects : 'of another form'
    return {
      path: [...path, error.propertyName],
      what: 'key',
      code: 'wrong-value',
      message: `\`${cut(error.propertyName)}\` can't be a name here: it must be ${needed}`,
    }
  }
  switch (keyword) {
    case 'required': {
      const name = params.missingProperty as string
      const wanted = parent.properties?.[name]
      const slot = wanted && slotOf(wanted)
      const within = path.length === 0 ? '' : ` in ${subject}`
      const advice = wanted?.description ?? (wanted && !slot && `It must be ${either(formsOf(wanted))}.`)
      return {
        ...problem(
          slot ? 'missing-input' : 'missing-key',
          slot
            ? `\`${name}\` is missing${within}; it takes ${kindsInWords(slot.accepts)}`
            : `\`${name}\` is missing${within}`,
          'key',
        ),
        ...(typeof advice === 'string' ? { advice } : {}),
      }
    }
    case 'type':
    case 'enum':
    case 'const':
    case 'slot':
      return wrong(error, formsOf(parent), textsOf(parent))
    case 'minimum':
      return value(`${params.limit} or more`)
    case 'maximum':
      return value(`${params.limit} or less`)
    case 'exclusiveMinimum':
      return value(`more than ${params.limit}`)
    case 'exclusiveMaximum':
      return value(`less than ${params.limit}`)
    case 'multipleOf':
      return value(`a multiple of ${params.multipleOf}`)
    case 'minLength':
      return value(params.limit === 1 ? 'a text that is not empty' : `a text of ${params.limit} characters or more`)
    case 'maxLength':
      return problem('wrong-value', `${subject} must be a text of at most ${params.limit} characters`)
    case 'minItems':
      return problem('wrong-value', `${subject} needs ${counted(params.limit, 'item')} or more`)
    case 'maxItems':
      return problem('wrong-value', `${subject} can have ${counted(params.limit, 'item')} at most`)
    case 'minProperties':
      return problem('wrong-value', `${subject} needs ${counted(params.limit, 'key')} or more`)
    case 'maxProperties':
      return problem('wrong-value', `${subject} can have ${counted(params.limit, 'key')} at most`)
    case 'uniqueItems':
      return problem('wrong-value', `items ${params.j} and ${params.i} of ${subject} are equal`)
    case 'pattern':
      return value(typeof parent.expects === 'string' ? parent.expects : `of the form ${params.pattern}`)
    case 'dependentRequired':
      return problem(
        'missing-key',
        `${subject} has \`${params.property}\`, so it needs \`${params.missingProperty}\` too`,
      )
    case 'discriminator':
      return problem('wrong-value', `${subject} has no known \`${params.tag}\`, but ${shown(params.tagValue)}`)
    default:
      return {
        ...problem('wrong-value', `${subject} is not of the form wanted here (${keyword})`),
        ...(typeof parent.description === 'string' ? { advice: parent.description } : {}),
      }
  }
}

/** A value that is none of the forms it could have. */
function wrong(error: ErrorObject, forms: readonly string[], texts: readonly string[]): SchemaProblem {
  const path = toPath(error)
  const parent = (error.parentSchema ?? {}) as OptionsSchema
  const meant = typeof error.data === 'string' ? suggest(error.data, texts) : undefined
  const code =
    typeof parent.code === 'string'
      ? (parent.code as DiagnosticCode)
      : error.keyword === 'enum' || error.keyword === 'const' || (texts.length > 0 && typeof error.data === 'string')
        ? 'wrong-value'
        : 'wrong-type'
  const subject = path.length === 0 ? 'this' : quoted(path)
  return {
    path,
    what: 'value',
    code,
    message: `${subject} must be ${either([...new Set(forms)])}, but is ${shown(error.data)}`,
    ...(meant === undefined ? {} : { suggestion: meant }),
  }
}

const TYPES: { readonly [type: string]: string } = {
  object: 'a map',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
}

/** The forms that a schema describes, in words. */
function formsOf(schema: OptionsSchema): string[] {
  if (schema.slot) return [kindsInWords(schema.slot.accepts)]
  if (typeof schema.expects === 'string' && schema.type === 'string') return [schema.expects]
  if (schema.const !== undefined) return [JSON.stringify(schema.const)]
  if (schema.enum)
    return schema.enum.map((value) => (typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value)))
  const union = schema.oneOf ?? schema.anyOf
  if (schema.type === undefined && union) return [...new Set(union.flatMap(formsOf))]
  const types = schema.type === undefined ? [] : [schema.type].flat()
  const named = types.filter((type) => type !== 'null' || types.length === 1).map((type) => TYPES[type] ?? 'left empty')
  return named.length > 0 ? named : ['of another form']
}

function textsOf(schema: OptionsSchema): string[] {
  const own = [...(schema.enum ?? []), schema.const].filter((value): value is string => typeof value === 'string')
  return [...own, ...(schema.oneOf ?? schema.anyOf ?? []).flatMap(textsOf)]
}

function slotOf(schema: OptionsSchema): OptionsSchema['slot'] {
  if (schema.slot) return schema.slot
  for (const branch of schema.oneOf ?? schema.anyOf ?? []) {
    const slot = slotOf(branch)
    if (slot) return slot
  }
  return undefined
}

function knownKeys(schema: unknown): string[] {
  const { properties } = (schema ?? {}) as OptionsSchema
  return Object.keys(properties ?? {})
}

function toPath(error: ErrorObject): SourcePath {
  // A number in a pointer is an index only where a list stands; names of digits are looked up as names all the same.
  return pathOf(error.instancePath).map((segment) => (/^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : segment))
}

function quoted(path: SourcePath): string {
  return path.length === 0 ? 'it' : `\`${pathForPeople(path)}\``
}

function counted(count: unknown, noun: string): string {
  return count === 1 ? `one ${noun}` : `${count} ${noun}s`
}

function cut(key: string): string {
  return key.length <= LONGEST_KEY ? key : `${key.slice(0, LONGEST_KEY)}…`
}

/** A value, short enough for a message. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') {
    const input = (value as { [name: string]: Json }).$input
    if (typeof input === 'string') return 'an input'
    return Object.keys(value).length === 0 ? 'an empty map' : 'a map'
  }
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length <= 60 ? text : `${text.slice(0, 56)}…"`
}
