const VARIABLE = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g

/** A use of a variable in a template: its name and where `{{` stands, in UTF-16 units. */
export interface VariableUse {
  name: string
  offset: number
}

/** Every `{{name}}` of a template, in order. Other braces are plain text. */
export function variablesOf(template: string): VariableUse[] {
  return [...template.matchAll(VARIABLE)].map((match) => ({ name: match[1]!, offset: match.index }))
}

/** Texts and, between them, names of variables: of many rows filled from one template, it is read once. */
interface Parts {
  texts: readonly string[]
  names: readonly string[]
}

const MOST_KEPT = 64
const kept = new Map<string, Parts>()

/** Puts values in place of `{{name}}`, in one pass: braces inside a value stay as they are. Unknown names are a bug. */
export function fill(template: string, values: { readonly [name: string]: string }): string {
  const { texts, names } = partsOf(template)
  let filled = texts[0] as string
  for (const [i, name] of names.entries()) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new Error(`the template names {{${name}}}, which has no value`)
    filled += value + texts[i + 1]
  }
  return filled
}

function partsOf(template: string): Parts {
  const known = kept.get(template)
  if (known) return known
  const pieces = template.split(VARIABLE)
  const parts = { texts: pieces.filter((_, i) => i % 2 === 0), names: pieces.filter((_, i) => i % 2 === 1) }
  if (kept.size >= MOST_KEPT) kept.clear()
  kept.set(template, parts)
  return parts
}
