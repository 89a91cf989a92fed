import { type Document, isScalar } from 'yaml'
import type { Json } from '../../stages/define.ts'
import { composeYaml } from './compose-yaml.ts'
import type { Position } from './diagnostic.ts'
import { type Diagnostics, onCommandLine } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { asMap } from './json.ts'
import type { Written } from './pipeline.ts'
import { suggest } from './suggest.ts'

/** A value that takes the place of the one in the pipeline. */
export interface GivenParam extends Written {
  /** As typed, for `-p`. */
  text?: string
}

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
      advice: /[{[,][^'"]*\$\{/.test(text)
        ? 'Inside { } and [ ], a reference needs quotes: "${…}".'
        : 'A plain text needs no quotes but the shell’s.',
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

/** What params files and `-p` give: later files win over earlier ones, `-p` over all. Unknown names are reported. */
export function readGivenParams(
  params: { readonly [name: string]: Json },
  files: readonly SourceDocument[],
  texts: { readonly [name: string]: string },
  diagnostics: Diagnostics,
): Map<string, GivenParam> {
  const given = new Map<string, GivenParam>()
  for (const [i, file] of files.entries()) {
    for (const [name, value] of Object.entries(asMap(file.value))) {
      if (Object.hasOwn(params, name)) given.set(name, { value, path: ['--params', i, name] })
      else reportUnknown(name, 'in a params file', file.locate([name], 'key'), params, diagnostics)
    }
  }
  for (const [name, text] of Object.entries(texts)) {
    if (!Object.hasOwn(params, name)) {
      reportUnknown(name, 'given with -p', onCommandLine(), params, diagnostics)
      continue
    }
    const value = parseParamText(name, text, diagnostics)
    if (value !== undefined) given.set(name, { value, path: ['-p', name], text })
  }
  return given
}

function reportUnknown(
  name: string,
  how: string,
  at: Position,
  params: { readonly [name: string]: Json },
  diagnostics: Diagnostics,
): void {
  const names = Object.keys(params)
  const meant = suggest(name, names)
  diagnostics.error(at, {
    code: 'unknown-param',
    message: `the pipeline has no param \`${name}\` (${how})`,
    ...(meant !== undefined
      ? { suggestion: meant }
      : { advice: names.length === 0 ? 'It has no params.' : `Its params: ${names.sort().join(', ')}.` }),
  })
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
  return Object.entries(value).every(([name, item]) => name !== '__proto__' && isFiniteJson(item))
}
