import type { Json, OptionsSchema } from '../../stages/define.ts'
import { type InputKinds, validate } from '../parse/validate.ts'

/**
 * Options with the schema's defaults filled in, also inside lists and inside the branch of a union that the value
 * fits. The value given is not changed; parts without defaults are shared with it.
 */
export function withDefaults(schema: OptionsSchema, value: Json, inputs: InputKinds): Json {
  if (!hasDefaults(schema)) return value
  let result = value
  for (const part of (schema.allOf as readonly OptionsSchema[] | undefined) ?? [])
    result = withDefaults(part, result, inputs)
  const union = schema.oneOf ?? schema.anyOf
  if (union) result = inFittingBranch(union, result, inputs)
  if (Array.isArray(result)) {
    const { items } = schema
    return items ? result.map((item) => withDefaults(items, item, inputs)) : result
  }
  if (result === null || typeof result !== 'object') return result
  const filled: { [name: string]: Json } = { ...result }
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (Object.hasOwn(filled, name)) filled[name] = withDefaults(member, filled[name]!, inputs)
    else if (member.default !== undefined) filled[name] = withDefaults(member, structuredClone(member.default), inputs)
  }
  if (typeof schema.additionalProperties === 'object') {
    for (const [name, member] of Object.entries(filled))
      if (!schema.properties?.[name]) filled[name] = withDefaults(schema.additionalProperties, member, inputs)
  }
  return filled
}

function inFittingBranch(branches: readonly OptionsSchema[], value: Json, inputs: InputKinds): Json {
  for (const branch of branches) {
    const filled = withDefaults(branch, value, inputs)
    if (validate(branch, filled, inputs).length === 0) return filled
  }
  return value
}

const known = new WeakMap<OptionsSchema, boolean>()

function hasDefaults(schema: OptionsSchema): boolean {
  let found = known.get(schema)
  if (found === undefined) {
    const below = [
      ...Object.values(schema.properties ?? {}),
      ...(schema.items ? [schema.items] : []),
      ...(schema.oneOf ?? []),
      ...(schema.anyOf ?? []),
      ...((schema.allOf as readonly OptionsSchema[] | undefined) ?? []),
      ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
    ]
    found = below.some((member) => member.default !== undefined || hasDefaults(member))
    known.set(schema, found)
  }
  return found
}
