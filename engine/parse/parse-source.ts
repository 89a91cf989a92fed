import type { Document, ErrorCode, YAMLError } from 'yaml'
import { composeYaml, unclosedAt } from './compose-yaml.ts'
import type { Diagnostic, DiagnosticCode, Position } from './diagnostic.ts'
import type { Diagnostics } from './diagnostics.ts'
import { MAX_VALUES, SourceDocument, type ValueCount } from './document.ts'
import type { Source } from './source.ts'

type Facts = Omit<Diagnostic, keyof Position | 'severity'>

const TOO_DEEP: Facts = {
  code: 'too-large',
  message: 'the file is nested too deeply',
  advice: 'A pipeline needs a few levels: is this the right file?',
}

/**
 * Parses a source as one YAML 1.2 document. Undefined if the text is so broken that its value means nothing; otherwise
 * the value is there even where problems were reported. `count` is shared by the files of one pipeline.
 */
export function parseSource(
  source: Source,
  diagnostics: Diagnostics,
  count: ValueCount = { values: 0 },
): SourceDocument | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(source.text)
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    diagnostics.error(source.position(control.index, control.index + 1), {
      code: 'yaml-syntax',
      message: `there is a control character (U+${code}) here`,
      advice: `Remove it, or write it as an escape in double quotes: "\\u${code}".`,
    })
    return undefined
  }
  try {
    const { document: parsed, second, tooDeep } = composeYaml(source.text)
    if (!parsed) {
      const at = tooDeep ?? 0
      diagnostics.error(source.position(at, at + 1), TOO_DEEP)
      return undefined
    }
    if (second !== undefined)
      diagnostics.error(source.position(second, second + 3), {
        code: 'yaml-syntax',
        message: 'a second document begins here',
        advice: 'A pipeline is one document: remove `---`.',
      })
    if (reportSyntax(source, parsed, diagnostics)) return undefined
    if (parsed.contents === null || source.text.trim() === '') {
      diagnostics.error(source.position(0, 1), {
        code: 'yaml-syntax',
        message: 'the file holds nothing',
        advice: 'Is it the right one? Comments alone are nothing, too.',
      })
      return undefined
    }
    const made = new SourceDocument(source, parsed.contents, diagnostics, count)
    // Of a file that stands for too much, the rest is missing.
    return count.values > MAX_VALUES ? undefined : made
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    diagnostics.error(source.position(0, 1), TOO_DEEP)
    return undefined
  }
}

/** Reports what the YAML library found; true if the value can't be trusted. */
function reportSyntax(source: Source, parsed: Document, diagnostics: Diagnostics): boolean {
  let broken = false
  let lost = false
  const lines = new Set<number>()
  for (const problem of [...parsed.errors, ...parsed.warnings]) {
    if (problem.code !== 'TAG_RESOLVE_FAILED') broken = true
    const open = / end with a |closing .quote/.test(problem.message) ? unclosedAt(source.text) : undefined
    const [start, end] = open === undefined ? mended(problem, source.text) : [open, open + 1]
    const at = source.position(Math.min(start, source.text.length), end)
    // One slip makes the parser stumble again and again over the same line.
    if (lines.has(at.line)) continue
    lines.add(at.line)
    if (lost) continue
    // Nothing that is found after this means what it says.
    lost = problem.code === 'UNEXPECTED_TOKEN'
    const facts: Facts =
      open === undefined
        ? inPlainWords(problem, source.text)
        : {
            code: 'yaml-syntax',
            message: `this \`${source.text[open]}\` is not closed`,
            advice: 'Close it, and mind that what stands inside is indented.',
          }
    const line = source.text.split('\n')[at.line - 1] ?? ''
    const unquoted = /[{[,][^'"]*\$\{/.test(line) && broken
    diagnostics.error(
      at,
      unquoted ? { ...facts, advice: 'Inside { } and [ ], a reference needs quotes: "${…}".' } : facts,
    )
  }
  const { yaml } = parsed.directives ?? {}
  if (yaml?.explicit && yaml.version !== '1.2') {
    const at = source.text.indexOf('%YAML')
    diagnostics.error(source.position(at, at + 9), {
      code: 'yaml-syntax',
      message: `YAML ${yaml.version} is not read, only YAML 1.2`,
      advice: 'Remove this line.',
    })
    broken = true
  }
  return broken
}

/** Where to point: at what stands on the line, not at the space before it. */
function mended({ code, pos: [start, end] }: YAMLError, text: string): [number, number] {
  if (code !== 'BAD_INDENT') return [start, end]
  const from = start + /^ */.exec(text.slice(start))![0].length
  return [from, Math.max(end, from + 1)]
}

function inPlainWords(problem: YAMLError, text: string): Facts {
  const code: DiagnosticCode = 'yaml-syntax'
  const known: { readonly [name in ErrorCode]?: Omit<Facts, 'code'> } = {
    TAB_AS_INDENT: { message: 'a tab can not indent', advice: 'Use spaces.' },
    BAD_INDENT: {
      message: 'this line is indented unlike those beside it',
      advice: 'Keys of one map begin in the same column.',
    },
    BAD_SCALAR_START: {
      message: `a plain text can't begin with \`${text[problem.pos[0]] ?? ''}\``,
      advice: 'Put it in quotes.',
    },
    BAD_DQ_ESCAPE: {
      message: 'there is no such escape in double quotes',
      advice: 'Write \\\\ for a backslash, or use single quotes.',
    },
    BLOCK_AS_IMPLICIT_KEY: {
      message: 'a second `: ` stands on this line',
      advice: 'Put a text that holds `: ` in quotes.',
    },
    NON_STRING_KEY: { message: 'a key must be a name', advice: 'Only a text can stand before `: `.' },
    RESOURCE_EXHAUSTION: TOO_DEEP,
    TAG_RESOLVE_FAILED: {
      message: 'tags (`!…`) have no meaning here',
      advice: 'Put a text that begins with ! in quotes.',
    },
    MULTILINE_IMPLICIT_KEY: {
      message: 'a key must stand on one line, followed by `:`',
      advice: 'Write `: ` and a value behind it.',
    },
    BAD_ALIAS: { message: 'this alias has no name', advice: 'Put a text that begins with * or & in quotes.' },
    BAD_DIRECTIVE: { message: 'this line beginning with % is not understood', advice: 'Remove it.' },
    MISSING_CHAR: /[Ii]mplicit/.test(problem.message)
      ? { message: 'this is no `key: value`', advice: 'Write `: ` behind the key.' }
      : {
          message: 'a `,` or `:` is missing before this',
          advice: 'In { } and [ ], commas separate what stands there.',
        },
    UNEXPECTED_TOKEN: {
      message: 'this was not expected here',
      advice: 'Put a text with special characters in quotes.',
    },
  }
  const facts = known[problem.code] ?? { message: `this is no valid YAML (${problem.message})` }
  return { code: problem.code === 'RESOURCE_EXHAUSTION' ? 'too-large' : code, ...facts }
}
