import { Composer, type CST, type Document, Parser } from 'yaml'

/** Nesting that the composer, which recurses, is trusted with. */
const MAX_NESTING = 256

/** What a text is as YAML. */
export interface ComposedYaml {
  document: Document.Parsed | undefined
  /** Where a second document begins. */
  second: number | undefined
  /** Where the text is nested so deeply that it was not composed at all. */
  tooDeep: number | undefined
}

/**
 * Composes a text as one YAML 1.2 document. Never recurses deeper than a bound: a stack that overflows inside the
 * regular expressions of the YAML library would end the process, not throw.
 */
export function composeYaml(text: string): ComposedYaml {
  const tokens = [...new Parser().parse(text)]
  const tooDeep = deepPlace(tokens)
  if (tooDeep !== undefined) return { document: undefined, second: undefined, tooDeep }
  // Merge keys and unique keys are dealt with in `SourceDocument`: with positions, and in linear time.
  const composer = new Composer({
    strict: true,
    stringKeys: true,
    uniqueKeys: false,
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  const [document, second] = composer.compose(tokens, true, text.length)
  return { document, second: second?.range[0], tooDeep: undefined }
}

/** Where the first bracket or quote stands that is never closed; undefined if all are. */
export function unclosedAt(text: string): number | undefined {
  let first: number | undefined
  visit([...new Parser().parse(text)], (token) => {
    if (isUnclosed(token)) first = Math.min(first ?? token.offset, token.offset)
  })
  return first
}

function isUnclosed(token: CST.Token): token is CST.FlowCollection | CST.FlowScalar {
  switch (token.type) {
    case 'flow-collection':
      return !token.end.some(({ type }) => type.startsWith('flow-'))
    case 'double-quoted-scalar':
    case 'single-quoted-scalar':
      return token.source.length === 1 || !token.source.endsWith(token.source[0]!)
    default:
      return false
  }
}

/** Where a text is nested too deeply to be given to any YAML composer; undefined if it is not. */
export function tooDeepAt(text: string): number | undefined {
  return deepPlace([...new Parser().parse(text)])
}

function deepPlace(tokens: readonly CST.Token[]): number | undefined {
  let place: number | undefined
  visit(tokens, (token, depth) => {
    if (depth > MAX_NESTING) place ??= 'offset' in token ? token.offset : 0
  })
  return place
}

/** Calls `fn` with every token and its depth, without recursion. */
function visit(tokens: readonly CST.Token[], fn: (token: CST.Token, depth: number) => void): void {
  const stack: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }))
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { token, depth } = top
    fn(token, depth)
    if (token.type === 'document' && token.value) stack.push({ token: token.value, depth: depth + 1 })
    if (!('items' in token)) continue
    for (const { key, value } of token.items) {
      if (key) stack.push({ token: key, depth: depth + 1 })
      if (value) stack.push({ token: value, depth: depth + 1 })
    }
  }
}
