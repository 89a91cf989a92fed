import type { Json } from '../../stages/define.ts'

/** The value if it is a map, else an empty one. */
export function asMap(value: Json | undefined): { readonly [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {}
}

/** The value if it is a list, else an empty one. */
export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

/** The value if it is a text. */
export function asText(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The texts of a list. */
export function asTexts(value: Json | undefined): string[] {
  return asList(value).filter((item): item is string => typeof item === 'string')
}
