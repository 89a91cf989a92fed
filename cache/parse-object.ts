/** The object that a text is in JSON; undefined if it is none: torn, or of another form. */
export function parseObject(text: string): { readonly [name: string]: unknown } | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown }) : undefined
}
