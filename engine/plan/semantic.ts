import type { Json, OptionsSchema } from '../../stages/define.ts'
import { type Candidates, candidatesOf, itemCandidates, memberCandidates } from './schema-walk.ts'

/**
 * Options without what can't change the meaning of a result: every member that the schema marks `semantic: false`.
 * Where a member stands in several branches of a union, it goes only if all of them say so.
 */
export function semanticOptions(schema: OptionsSchema, options: Json): Json {
  return hasMarks(schema) ? strip(candidatesOf(schema), options) : options
}

const known = new WeakMap<OptionsSchema, boolean>()

/** Whether anything in a schema is marked at all: most stages have no such option. */
function hasMarks(schema: OptionsSchema): boolean {
  let has = known.get(schema)
  if (has === undefined) {
    has = JSON.stringify(schema).includes('"semantic":false')
    known.set(schema, has)
  }
  return has
}

function strip(candidates: Candidates, value: Json): Json {
  if (Array.isArray(value)) {
    const items = itemCandidates(candidates)
    return value.map((item) => strip(items, item))
  }
  if (value === null || typeof value !== 'object') return value
  const kept: { [name: string]: Json } = {}
  for (const [name, member] of Object.entries(value)) {
    const described = memberCandidates(candidates, name)
    const marks = described.filter(({ semantic }) => semantic !== undefined)
    const unmarked = candidates.some(({ properties }) => properties?.[name] && !isMarked(properties[name]))
    if (marks.length > 0 && marks.every(({ semantic }) => semantic === false) && !unmarked) continue
    kept[name] = strip(described, member)
  }
  return kept
}

function isMarked(schema: OptionsSchema): boolean {
  return candidatesOf(schema).some(({ semantic }) => semantic === false)
}
