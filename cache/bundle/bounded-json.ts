const MAX_DEPTH = 64

/** What JSON text from strangers holds; undefined if it is none, or nests so deeply that handling it could fail. */
export function parseBounded(text: string): unknown {
  let depth = 0
  let inText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inText) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) inText = false
    } else if (code === QUOTE) inText = true
    else if (code === OPEN_LIST || code === OPEN_MAP) {
      if (++depth > MAX_DEPTH) return undefined
    } else if (code === CLOSE_LIST || code === CLOSE_MAP) depth--
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** The members of a JSON map; undefined for anything else. */
export function mapOf(value: unknown): { readonly [name: string]: unknown } | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as { readonly [name: string]: unknown })
    : undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_MAP = 0x7b
const CLOSE_MAP = 0x7d
