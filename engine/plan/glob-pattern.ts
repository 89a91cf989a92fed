const MAX_ALTERNATIVES = 1_000

/** Whether a path has characters that make it a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[\]{}]/.test(text)
}

/** Writes out `{a,b}`, nested ones too; undefined if that gives more than 1,000 patterns. */
export function expandBraces(pattern: string): string[] | undefined {
  let open = -1
  let depth = 0
  const commas: number[] = []
  for (let i = 0; i < pattern.length; i++) {
    const mark = pattern[i]
    if (mark === '{') {
      if (depth === 0) open = i
      depth += 1
    } else if (mark === ',' && depth === 1) commas.push(i)
    else if (mark === '}' && depth > 0) {
      depth -= 1
      if (depth > 0) continue
      const ends = [...commas, i]
      const choices = ends.map((end, n) => pattern.slice((n === 0 ? open : ends[n - 1]!) + 1, end))
      const tails = expandBraces(pattern.slice(i + 1))
      if (!tails) return undefined
      const heads = choices.map(expandBraces)
      const out: string[] = []
      for (const head of heads) {
        if (!head || out.length + head.length * tails.length > MAX_ALTERNATIVES) return undefined
        for (const one of head) for (const tail of tails) out.push(pattern.slice(0, open) + one + tail)
      }
      return out
    }
  }
  return [pattern]
}

type Token = { type: 'any-run' } | { type: 'any' } | { type: 'one'; matches: (symbol: string) => boolean }

/** One part of a pattern between slashes, as a test of names. `*` and `?` match no leading dot. */
export function segmentMatcher(segment: string): (name: string) => boolean {
  const tokens = tokenize([...segment])
  const dotsToo = segment.startsWith('.')
  return (name) => (dotsToo || !name.startsWith('.')) && matches(tokens, [...name])
}

function tokenize(symbols: readonly string[]): Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i]!
    if (symbol === '*') tokens.push({ type: 'any-run' })
    else if (symbol === '?') tokens.push({ type: 'any' })
    else {
      // `[]a]` and `[!]a]` hold a bracket; one that is never closed is itself.
      const negated = symbols[i + 1] === '!' || symbols[i + 1] === '^'
      const first = i + (negated ? 2 : 1)
      const close = symbol === '[' ? symbols.indexOf(']', first + 1) : -1
      if (close === -1) tokens.push({ type: 'one', matches: (other) => other === symbol })
      else {
        const inside = rangesOf(symbols.slice(first, close))
        tokens.push({ type: 'one', matches: (other) => inside(other) !== negated })
        i = close
      }
    }
  }
  return tokens
}

function rangesOf(symbols: readonly string[]): (symbol: string) => boolean {
  const ranges: (readonly [number, number])[] = []
  for (let i = 0; i < symbols.length; i++) {
    const from = symbols[i]!.codePointAt(0)!
    if (symbols[i + 1] === '-' && i + 2 < symbols.length) {
      ranges.push([from, symbols[i + 2]!.codePointAt(0)!])
      i += 2
    } else ranges.push([from, from])
  }
  return (symbol) => {
    const point = symbol.codePointAt(0)!
    return ranges.some(([from, to]) => from <= point && point <= to)
  }
}

/** Goes back to the last run only, so that the time is at most pattern times name. */
function matches(tokens: readonly Token[], name: readonly string[]): boolean {
  let at = 0
  let token = 0
  let runToken = -1
  let runAt = 0
  while (at < name.length) {
    const wanted = tokens[token]
    if (wanted?.type === 'any-run') {
      runToken = token++
      runAt = at
    } else if (wanted && (wanted.type === 'any' || wanted.matches(name[at]!))) {
      token += 1
      at += 1
    } else if (runToken !== -1) {
      token = runToken + 1
      at = ++runAt
    } else return false
  }
  return tokens.slice(token).every(({ type }) => type === 'any-run')
}
