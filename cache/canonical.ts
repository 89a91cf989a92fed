/**
 * What a key may be made of. `undefined` members of a map are left out, so that an absent option and one never
 * written are the same.
 */
export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue | undefined }

/**
 * The one byte string that stands for a value under a domain: typed, length-prefixed, maps sorted by the UTF-8 bytes
 * of their names. Two values have the same bytes only if they are the same value of the same domain. Throws a
 * TypeError on what has no such form (NaN, infinities, lone surrogates, anything that is not plain data).
 */
export function canonicalBytes(domain: string, value: CanonicalValue): Buffer {
  return Buffer.from(canonicalText(domain, value), 'utf8')
}

/** The text whose UTF-8 bytes those are. */
export function canonicalText(domain: string, value: CanonicalValue): string {
  return `queryloom:${domain}:1\n${textOf(value)}`
}

/**
 * The canonical texts of values that differ in one place only, without making the rest anew for each: `valueWith` gives the
 * value with what it is handed in that place.
 */
export function canonicalTexts(
  domain: string,
  valueWith: (varying: CanonicalValue) => CanonicalValue,
): (varying: CanonicalValue) => string {
  const [before, after, ...others] = canonicalText(domain, valueWith(GAP as unknown as CanonicalValue)).split(GAP_TEXT)
  if (before === undefined || after === undefined || others.length > 0) throw new TypeError('one place must vary')
  return (varying) => before + textOf(varying) + after
}

/** Stands where values vary; its text is a lone surrogate, which no canonical text holds. */
const GAP: unique symbol = Symbol('gap')
const GAP_TEXT = '\ud800'

function textOf(value: CanonicalValue): string {
  if (typeof value === 'string') return stringText(value)
  if (value === null) return 'n;'
  if (typeof value === 'boolean') return value ? 't;' : 'f;'
  if (typeof value === 'number') return `d${numberText(value)};`
  if ((value as unknown) === GAP) return GAP_TEXT
  if (Array.isArray(value)) {
    let text = `l${value.length}[`
    for (const item of value as readonly CanonicalValue[]) text += textOf(item)
    return `${text}]`
  }
  if (!isPlain(value)) throw new TypeError(`${typeof value} of this kind can't stand in a key`)
  const map = value as { readonly [name: string]: CanonicalValue | undefined }
  const names = Object.keys(map).filter((name) => map[name] !== undefined)
  names.sort(compareUtf8)
  let text = `m${names.length}{`
  for (const name of names) text += stringText(name) + textOf(map[name] as CanonicalValue)
  return `${text}}`
}

// A Date, a Map or a Buffer has no members that tell it apart, and would silently become an empty map.
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

// ECMAScript's shortest round-trip form is one text per double on every machine; -0 is written as 0.
function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} can't stand in a key`)
  return String(value === 0 ? 0 : value)
}

function stringText(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('a text with a lone surrogate can not stand in a key')
  return `s${Buffer.byteLength(value, 'utf8')}:${value}`
}

/** Order of two texts by their UTF-8 bytes (that of strcmp and trec_eval), which is not that of `<`. */
export function compareUtf8(a: string, b: string): number {
  // UTF-16 and UTF-8 order differ only where surrogates are involved.
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const xs = x >= 0xd800 && x <= 0xdfff
      const ys = y >= 0xd800 && y <= 0xdfff
      if (xs !== ys) return xs ? 1 : -1
      return x - y
    }
  }
  return a.length - b.length
}
