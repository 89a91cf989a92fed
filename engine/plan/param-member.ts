import type { Json } from '../../stages/define.ts'
import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import { parseText, type Reference } from '../parse/references.ts'
import { suggest } from '../parse/suggest.ts'

/** The member of a value, or undefined if it has none of that name; a dataset has splits. */
export function memberOf(value: Json, member: string): Json | undefined {
  if (typeof value === 'string') {
    const { only } = parseText(value)
    return only?.root === 'datasets' && only.rest.length === 0 ? `\${datasets.${only.name}.${member}}` : undefined
  }
  if (value === null || typeof value !== 'object') return undefined
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(member) ? value[Number(member)] : undefined
  return Object.hasOwn(value, member) ? value[member] : undefined
}

/** What is wrong with a reference to a param whose member at `depth` is not there; `value` is what it would be in. */
export function noSuchMember(
  reference: Reference,
  depth: number,
  value: Json,
): Omit<Diagnostic, keyof Position | 'severity'> {
  const { name, rest } = reference
  const around = ['params', name, ...rest.slice(0, depth)].join('.')
  const member = rest[depth]!
  const map = value !== null && typeof value === 'object' && !Array.isArray(value)
  const names = map ? Object.keys(value) : []
  const near = suggest(member, names)
  const message = `\`${around}\` has no member \`${member}\``
  if (near !== undefined)
    return {
      code: 'unknown-reference',
      message,
      suggestion: `\${${[around, near, ...rest.slice(depth + 1)].join('.')}}`,
    }
  const advice =
    names.length > 0
      ? `It has: ${names.join(', ')}.`
      : Array.isArray(value)
        ? `It is a list of ${value.length}: items are counted from 0.`
        : map
          ? 'It is an empty map.'
          : 'It is no map: name the param alone.'
  return { code: 'unknown-reference', message, advice }
}
