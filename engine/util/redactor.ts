/** Shorter values are words of the language: taking them out would spoil texts and hide nothing. */
const SHORTEST = 6
/** Lines of a longer secret, such as a key in PEM form, count by themselves from here on. */
const SHORTEST_LINE = 16
const HIDDEN = '***'

/** Takes secrets out of what is about to be written. */
export interface Redactor {
  text(text: string): string
  /** Every text in a JSON value, names of members too. */
  value<Value>(value: Value): Value
  /** For bytes that come in pieces: a secret is found across their borders. `write` gets what may be kept. */
  stream(write: (bytes: Buffer) => void): { push(piece: Buffer): void; end(): void }
}

/**
 * A redactor of these secrets as they are, and as base64, in a URL and in JSON; undefined if there is nothing to
 * redact, which values of fewer than six characters are.
 */
export function redactor(secrets: readonly string[]): Redactor | undefined {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  if (forms.length === 0) return undefined
  const text = (given: string): string => scan(given, forms, true).kept
  const value = (given: unknown): unknown => {
    if (typeof given === 'string') return text(given)
    if (Array.isArray(given)) return given.map(value)
    if (given === null || typeof given !== 'object') return given
    return Object.fromEntries(Object.entries(given).map(([name, member]) => [text(name), value(member)]))
  }
  // One character a byte: a piece may end within a character.
  const bytes = forms.map((form) => Buffer.from(form).toString('latin1'))
  return {
    text,
    value: value as Redactor['value'],
    stream(write) {
      let rest = ''
      const take = (more: string, last: boolean): void => {
        const { kept, held } = scan(rest + more, bytes, last)
        rest = held
        if (kept !== '') write(Buffer.from(kept, 'latin1'))
      }
      return { push: (piece) => take(piece.toString('latin1'), false), end: () => take('', true) }
    },
  }
}

/** `held` is the end of the text from where a secret may have begun. */
function scan(text: string, forms: readonly string[], last: boolean): { kept: string; held: string } {
  const starts = new Set(forms.map((form) => form[0]))
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (!starts.has(text[at])) continue
    const left = text.length - at
    if (!last && forms.some((form) => form.length > left && text.endsWith(form.slice(0, left)))) {
      return { kept: parts.join('') + text.slice(from, at), held: text.slice(at) }
    }
    const found = forms.find((form) => text.startsWith(form, at))
    if (found === undefined) continue
    parts.push(text.slice(from, at), HIDDEN)
    from = at + found.length
    at = from - 1
  }
  return { kept: parts.join('') + text.slice(from), held: '' }
}

function formsOf(secret: string): string[] {
  const value = secret.trim()
  if (value.length < SHORTEST) return []
  const lines = value.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE)
  const plain = [value, ...lines]
  const written = plain.flatMap((form) => [
    form,
    encodeURIComponent(form.toWellFormed()),
    JSON.stringify(form).slice(1, -1),
  ])
  return [...written, ...base64Forms(value)].filter((form) => form.length >= SHORTEST)
}

/** What all base64 of a longer text has in common that holds the value, wherever the value begins there. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value)
  return [0, 1, 2].flatMap((skipped) => {
    const whole = bytes.subarray(skipped, skipped + 3 * Math.floor((bytes.length - skipped) / 3))
    // Of six bytes; less may stand anywhere by chance.
    return whole.length < SHORTEST ? [] : [whole.toString('base64'), whole.toString('base64url')]
  })
}
