import { suggest } from './suggest.ts'

/** What a reference can name. */
export type ReferenceRoot = 'params' | 'datasets' | 'models' | 'stages'

/** `${root.name.rest…}`; `rest` is a path into a param, a split, or an output. */
export interface Reference {
  root: ReferenceRoot
  name: string
  rest: readonly string[]
  /** The list over all variants of a stage: `${stages.x.OUT[*]}`. */
  all?: true
  /** As written, with `${` and `}`. */
  text: string
  /** Offset in the text that it stands in. */
  index: number
}

/** Something that begins like a reference and is none. */
export interface ReferenceProblem {
  index: number
  length: number
  /** What stands between the braces, where there is a closing one. */
  inside?: string
  message: string
  suggestion?: string
  advice?: string
}

/** A text cut at its references; `$${` has become `${`. */
export interface ParsedText {
  parts: readonly (string | Reference)[]
  problems: readonly ReferenceProblem[]
  /** The reference, if the text is nothing else. */
  only: Reference | undefined
}

const ROOTS: readonly ReferenceRoot[] = ['params', 'datasets', 'models', 'stages']
const SEGMENT = /^[A-Za-z0-9_-]+$/
const EVERY = '[*]'
const LITERAL = 'Write $${ for a plain ${.'

const MAX_REMEMBERED = 100_000
const remembered = new Map<string, ParsedText>()

/** Cuts a text at its references. */
export function parseText(text: string): ParsedText {
  if (!text.includes('${')) return { parts: [text], problems: [], only: undefined }
  // The same text is met again for every variant of its stage.
  let parsed = remembered.get(text)
  if (!parsed) {
    parsed = cut(text)
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(text, parsed)
  }
  return parsed
}

function cut(text: string): ParsedText {
  const parts: (string | Reference)[] = []
  const problems: ReferenceProblem[] = []
  let plain = ''
  let at = 0
  while (at < text.length) {
    const next = text.indexOf('${', at)
    if (next === -1) break
    if (next > at && text[next - 1] === '$') {
      plain += `${text.slice(at, next - 1)}\${`
      at = next + 2
      continue
    }
    plain += text.slice(at, next)
    const close = text.indexOf('}', next)
    if (close === -1) {
      problems.push({
        index: next,
        length: text.length - next,
        message: 'a reference that is not closed',
        advice: `Close it with }. ${LITERAL}`,
      })
      at = text.length
      plain = ''
      break
    }
    const written = text.slice(next, close + 1)
    const found = parseReference(written, next)
    if ('message' in found) problems.push(found)
    else {
      if (plain !== '') parts.push(plain)
      plain = ''
      parts.push(found)
    }
    at = close + 1
  }
  plain += text.slice(at)
  if (plain !== '' || parts.length === 0) parts.push(plain)
  const [first] = parts
  const only = parts.length === 1 && typeof first === 'object' && problems.length === 0 ? first : undefined
  return { parts, problems, only }
}

function parseReference(text: string, index: number): Reference | ReferenceProblem {
  const inside = text.slice(2, -1)
  const facts = { index, length: text.length, inside }
  const trimmed = inside.replace(/\s+/g, '')
  if (trimmed !== inside) {
    const repaired = parseReference(`\${${trimmed}}`, index)
    const mended = 'message' in repaired ? repaired.suggestion : repaired.text
    return {
      ...facts,
      message: 'a reference has no spaces in it',
      ...(mended ? { suggestion: mended } : { advice: ('advice' in repaired && repaired.advice) || LITERAL }),
    }
  }
  if (inside.endsWith(EVERY)) {
    const one = parseReference(`\${${inside.slice(0, -EVERY.length)}}`, index)
    if ('message' in one) return { ...facts, message: one.message, ...(one.advice ? { advice: one.advice } : {}) }
    if (one.root === 'stages') return { ...one, all: true, text }
    return { ...facts, message: 'only an output of a stage has variants to list', suggestion: one.text }
  }
  const [root, name, ...rest] = inside.split('.')
  if (root === 'env')
    return {
      ...facts,
      message: 'a reference can not look into the environment',
      advice: 'Make it a param and give it with -p, or name the variable under `env` of the stage.',
    }
  if (!ROOTS.includes(root as ReferenceRoot)) {
    const meant = suggest(root ?? '', ROOTS)
    return {
      ...facts,
      message: `\`${text}\` is no reference; they begin with params., datasets., models. or stages.`,
      ...(meant && name ? { suggestion: `\${${[meant, name, ...rest].join('.')}}` } : { advice: LITERAL }),
    }
  }
  if (name === undefined || name === '')
    return { ...facts, message: `\`${text}\` names none of the ${root}`, advice: `Write \${${root}.NAME}.` }
  const odd = [name, ...rest].find((segment) => !SEGMENT.test(segment))
  if (odd !== undefined)
    return {
      ...facts,
      message: odd === '' ? `\`${text}\` has a dot too many` : `\`${odd}\` can't stand in a reference`,
      advice: 'There are no expressions: only names, joined by dots.',
    }
  if (root === 'models' && rest.length > 0)
    return { ...facts, message: `a model has no members`, suggestion: `\${models.${name}}` }
  if (root === 'datasets' && rest.length > 1)
    return {
      ...facts,
      message: 'a dataset has splits, and they have no members',
      suggestion: `\${datasets.${name}.${rest[0]}}`,
    }
  if (root === 'stages' && rest.length > 1)
    return { ...facts, message: 'an output has no members', suggestion: `\${stages.${name}.${rest[0]}}` }
  return { root: root as ReferenceRoot, name, rest, text, index }
}
