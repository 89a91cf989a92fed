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

/** Puts values in place of `{{name}}`, in one pass: braces inside a value stay as they are. Unknown names are a bug. */
export function fill(template: string, values: { readonly [name: string]: string }): string {
  return template.replace(VARIABLE, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new Error(`the template names {{${name}}}, which has no value`)
    return value
  })
}
