import { type Document, isScalar } from 'yaml'
import type { Json } from '../../stages/define.ts'
import { composeYaml } from './compose-yaml.ts'
import { type Diagnostics, onCommandLine } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import type { SourcePath } from './pipeline.ts'
import { parseText } from './references.ts'
import { suggest } from './suggest.ts'

/**
 * The value of `-p NAME=TEXT`: a YAML scalar or flow collection (`3`, `true`, `[1, 2]`, `"3"`); any other text is
 * itself, so that `-p file=*.txt` and `-p note=a: b` need no second quotes. Undefined after reporting a collection or
 * quoted text that is not well-formed.
 */
export function parseParamText(name: string, text: string, diagnostics: Diagnostics): Json | undefined {
  if (text === '') return ''
  const { document } = composeYaml(text)
  const contents = document?.contents ?? null
  const errors = document?.errors ?? []
  if (/^\s*["'[{]/.test(text)) {
    const value = errors.length === 0 && document ? jsonOf(document) : undefined
    if (value !== undefined) return value
    diagnostics.error(onCommandLine(), {
      code: 'yaml-syntax',
      message: `the value of param \`${name}\` is no valid YAML: ${text}`,
      advice: 'A plain text needs no quotes but the shell’s.',
    })
    return undefined
  }
  const plain = isScalar(contents) && contents.type === 'PLAIN' && contents.source === text && !contents.anchor
  const value = plain && errors.length === 0 ? contents.value : text
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) {
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value
  }
  return text
}

/** Fills in what was given with `-p`. Unknown names are reported. */
export function overrideParams(
  params: { readonly [name: string]: Json },
  given: { readonly [name: string]: string },
  diagnostics: Diagnostics,
): { [name: string]: Json } {
  const result = { ...params }
  for (const [name, text] of Object.entries(given)) {
    if (!Object.hasOwn(params, name)) {
      const meant = suggest(name, Object.keys(params))
      diagnostics.error(onCommandLine(), {
        code: 'unknown-param',
        message: `the pipeline has no param \`${name}\` (given with -p)`,
        ...(meant === undefined ? { advice: listed(Object.keys(params)) } : { suggestion: meant }),
      })
      continue
    }
    const value = parseParamText(name, text, diagnostics)
    if (value === undefined) continue
    if (/(^|[^$])\$\{/.test(text))
      diagnostics.error(onCommandLine(), {
        code: 'reference-syntax',
        message: `the value of param \`${name}\` holds a reference, which is not supported yet`,
        advice: 'Write $${ for a plain ${.',
      })
    else result[name] = unescaped(value)
  }
  return result
}

/** Reports references in a param or an axis value, and gives it with `$${` undone. */
export function literalValue(value: Json, path: SourcePath, document: SourceDocument, diagnostics: Diagnostics): Json {
  if (typeof value === 'string') {
    const { parts, problems } = parseText(value)
    const reference = parts.find((part) => typeof part === 'object') ?? problems[0]
    if (reference === undefined) return parts.join('')
    const length = 'text' in reference ? reference.text.length : reference.length
    diagnostics.error(document.locateText(path, reference.index, length), {
      code: 'reference-syntax',
      message: 'references in the values of params are not supported yet',
      advice: 'Write $${ for a plain ${.',
    })
    return value
  }
  if (Array.isArray(value)) return value.map((item, i) => literalValue(item, [...path, i], document, diagnostics))
  if (value === null || typeof value !== 'object') return value
  const out: { [name: string]: Json } = {}
  for (const [name, item] of Object.entries(value)) {
    if (name === '$input')
      diagnostics.error(document.locate([...path, name], 'key'), {
        code: 'wrong-value',
        message: '`$input` is reserved and can not be a key',
      })
    else out[name] = literalValue(item, [...path, name], document, diagnostics)
  }
  return out
}

function unescaped(value: Json): Json {
  if (typeof value === 'string') return value.replaceAll('$${', '${')
  if (Array.isArray(value)) return value.map(unescaped)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unescaped(item)]))
}

function jsonOf(document: Document.Parsed): Json | undefined {
  try {
    const value = document.toJS({ maxAliasCount: 0 }) as Json
    return isFiniteJson(value) ? value : undefined
  } catch (error) {
    // An alias: there is nothing that it could stand for.
    if (error instanceof ReferenceError) return undefined
    throw error
  }
}

function isFiniteJson(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isFiniteJson)
  if (value === null || typeof value !== 'object') return true
  return Object.entries(value).every(([name, item]) => name !== '__proto__' && name !== '$input' && isFiniteJson(item))
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'It has no params.' : `Its params: ${[...names].sort().join(', ')}.`
}
