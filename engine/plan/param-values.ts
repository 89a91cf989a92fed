import type { Diagnostics } from '../parse/diagnostics.ts'
import { pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath, Written } from '../parse/pipeline.ts'
import { type ParsedText, parseText, type Reference } from '../parse/references.ts'
import type { ParamValue } from './origin.ts'
import { memberOf, noSuchMember } from './param-member.ts'
import { MAX_CHAIN } from './param-reach.ts'

/** Values that the params of one block may stand for. */
const MAX_VALUES = 100_000
/** Longest text (UTF-16 units) that they may make. */
const MAX_TEXT = 1_048_576

/** What a reference to a param stands for; references may stand in it again. */
export interface FoundValue extends Written {
  values: readonly ParamValue[]
}

/** A text with the values of its references filled in. */
export interface FilledText {
  text: string
  /** Where its beginning was written: a path is relative to that. */
  start: SourcePath
  values: readonly ParamValue[]
}

/** What the values of params are looked up in. */
export interface ParamScope {
  pipeline: Pipeline
  params: { readonly [name: string]: Written }
  diagnostics: Diagnostics
}

/**
 * Looks up the values of params for one block, through params that refer to others. Where there is no value, that was
 * reported, or is where it is written. What would grow without bound is given up; `exhausted` tells.
 */
export class ParamValues {
  exhausted = false
  readonly #scope: ParamScope
  readonly #open = new Set<string>()
  #spent = 0

  constructor(scope: ParamScope) {
    this.#scope = scope
  }

  /** Takes account of so many values more; false once there are too many. */
  spend(count: number): boolean {
    this.#spent += count
    if (this.#spent > MAX_VALUES) this.exhausted = true
    return !this.exhausted
  }

  /** Calls `fn` to resolve the text of a param that stands at `place`; undefined if that needs the text itself. */
  within<Result>(place: SourcePath, fn: () => Result): Result | undefined {
    const key = pointerOf(place)
    if (this.#open.has(key) || this.#open.size > MAX_CHAIN) return undefined
    this.#open.add(key)
    const result = fn()
    this.#open.delete(key)
    return result
  }

  /** The value of a reference to a param that stands in the text at `place`. */
  find(reference: Reference, place: SourcePath): FoundValue | undefined {
    const { params, diagnostics } = this.#scope
    const { name, rest } = reference
    if (!Object.hasOwn(params, name) || !this.spend(1)) return undefined
    const { value, path } = params[name]!
    let found: FoundValue | undefined = { value, path, values: [{ param: name, path }] }
    for (const [depth, member] of rest.entries()) {
      found = this.#follow(found)
      if (!found) return undefined
      const inside = memberOf(found.value, member)
      if (inside === undefined) {
        diagnostics.error(this.#at(reference, place), noSuchMember(reference, depth, found.value))
        return undefined
      }
      // A split has no place of its own: it is named by the reference alone.
      if (typeof found.value !== 'string') found = moved(found, member)
      found = { ...found, value: inside }
    }
    return found
  }

  /** A text with all its references filled in, which stand in the text at `place`. */
  fill(parts: ParsedText['parts'], place: SourcePath): FilledText | undefined {
    let text = ''
    let start = place
    const values: ParamValue[] = []
    for (const [i, part] of parts.entries()) {
      if (typeof part === 'string') {
        text += part
        continue
      }
      const found = part.root === 'params' ? this.find(part, place) : undefined
      const filled = found && this.#scalar(found, part, place)
      if (!filled) return undefined
      if (i === 0) start = filled.start
      text += filled.text
      values.push(...filled.values)
      if (text.length > MAX_TEXT) this.exhausted = true
      if (this.exhausted) return undefined
    }
    return { text, start, values }
  }

  /** What stands behind a text that is only a reference to a param; anything else stands for itself. */
  #follow(found: FoundValue): FoundValue | undefined {
    const only = typeof found.value === 'string' ? parseText(found.value).only : undefined
    if (only?.root !== 'params') return found
    return this.within(found.path, () => {
      const next = this.find(only, found.path)
      return next && this.#follow({ ...next, values: [...found.values, ...next.values] })
    })
  }

  #scalar(found: FoundValue, reference: Reference, place: SourcePath): FilledText | undefined {
    const { value, path, values } = found
    if (value !== null && typeof value === 'object')
      return this.#notScalar(Array.isArray(value) ? 'a list' : 'a map', reference, place)
    if (typeof value !== 'string') return { text: String(value), start: path, values }
    const { parts, only, problems } = parseText(value)
    if (problems.length > 0) return undefined
    if (only && only.root !== 'params') return this.#notScalar(`\`${only.text}\``, reference, place)
    return this.within(path, () => {
      if (only) {
        const next = this.find(only, path)
        return next && this.#scalar({ ...next, values: [...values, ...next.values] }, reference, place)
      }
      const filled = this.fill(parts, path)
      return filled && { ...filled, values: [...values, ...filled.values] }
    })
  }

  #notScalar(what: string, reference: Reference, place: SourcePath): undefined {
    const message = `\`${reference.text}\` is ${what}, which can't stand inside a text`
    const advice = 'Inside a text, a param must be a text, a number, true or false.'
    this.#scope.diagnostics.error(this.#at(reference, place), { code: 'reference-not-scalar', message, advice })
  }

  #at({ index, text }: Reference, place: SourcePath): ReturnType<Pipeline['locate']> {
    return this.#scope.pipeline.locateText(place, index, text.length)
  }
}

function moved(found: FoundValue, member: string): FoundValue {
  const path = [...found.path, Array.isArray(found.value) ? Number(member) : member]
  const last = found.values.at(-1)!
  return { ...found, path, values: [...found.values.slice(0, -1), { ...last, path }] }
}
