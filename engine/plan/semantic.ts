import type { Json, OptionsSchema } from '../../stages/define.ts'
import { type Candidates, candidatesOf, itemCandidates, memberCandidates } from './schema-walk.ts'

/**
 * Options without what can't change the meaning of a result: every member that the schema marks `semantic: false`.
 * Where a member stands in several branches of a union, it goes only if all of them say so.
 */
export function semanticOptions(schema: OptionsSchema, options: Json): Json {
  return strip(candidatesOf(schema), options)
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
