import type { Json } from '../../stages/define.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { pathForPeople, pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath, Written } from '../parse/pipeline.ts'
import { parseText, type Reference } from '../parse/references.ts'
import { memberOf, noSuchMember } from './param-member.ts'

/** Longest chain of params that refer to each other. */
export const MAX_CHAIN = 64
/** Members that are told apart for one reference; beyond that, all members of a param count as reached. */
const MAX_REACHED = 10_000

/** A reference and the path of the text that it stands in. */
export interface FoundReference {
  reference: Reference
  path: SourcePath
}

/** A text in the value of a param that refers to something, and which members of what it stands for are wanted. */
interface ValueText {
  param: string
  /** `param` and the members that lead to the text, for people. */
  label: string
  text: string
  path: SourcePath
  rest: readonly string[]
}

/** A reference whose value is being followed. */
interface Step extends FoundReference {
  key: string
  /** The text that it stands in. */
  from: string
}

/** Which references lead where through the values of params, whatever the variant. */
export class ParamReach {
  readonly #pipeline: Pipeline
  /** Every value that a param can have; only of params that refer to something. */
  readonly #values = new Map<string, readonly Written[]>()

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
    const axes = new Map(pipeline.axes.map((axis) => [axis.param, [...axis.values, ...axis.extra]]))
    for (const [param, value] of Object.entries(pipeline.params)) {
      const values = axes.get(param) ?? [value]
      if (values.some((written) => refers(written.value))) this.#values.set(param, values)
    }
  }

  /** What these references lead to through the values of params, themselves included; each once. */
  closure(found: readonly FoundReference[]): FoundReference[] {
    const reached = new Map<string, FoundReference>()
    const seen = new Set<string>()
    const left = found.map(({ reference: { root, name, rest } }) => ({ root, name, rest }))
    for (let next = left.pop(); next; next = left.pop()) {
      const { root, name } = next
      if (root !== 'params' || !this.#values.has(name)) continue
      const rest = seen.size > MAX_REACHED ? [] : next.rest
      const key = [name, ...rest].join('.')
      if (seen.has(key)) continue
      seen.add(key)
      for (const text of this.#texts(name, rest)) {
        const { only } = parseText(text.text)
        for (const reference of this.#referencesIn(text)) {
          reached.set(`${pointerOf(text.path)} ${reference.index}`, { reference, path: text.path })
          left.push({ ...reference, rest: only ? [...reference.rest, ...text.rest] : reference.rest })
        }
      }
    }
    return reached.size === 0 ? [...found] : [...found, ...reached.values()]
  }

  /** Reports params that refer to each other in a circle or too deeply, and members that are not there. */
  check(diagnostics: Diagnostics): void {
    const heights = new Map<string, number>()
    const open: Step[] = []
    let tooLong = false
    const follow = (step: Step): number => {
      const known = heights.get(step.key)
      if (known !== undefined) return known
      const circle = open.findIndex(({ key }) => key === step.key)
      if (circle !== -1) {
        this.#reportCircle([step, ...open.slice(circle + 1)], diagnostics)
        return 0
      }
      open.push(step)
      const { name, rest } = step.reference
      let height = 0
      for (const text of this.#texts(name, rest))
        for (const below of this.#stepsOf(text)) height = Math.max(height, 1 + follow(below))
      open.pop()
      if (height > MAX_CHAIN || open.length > MAX_CHAIN) {
        const message = `params refer to each other through more than ${MAX_CHAIN} others`
        const facts = { code: 'too-large', message, advice: 'Write the value itself here.' } as const
        if (!tooLong) diagnostics.error(this.#place(step), facts)
        tooLong = true
        height = 0
      }
      heights.set(step.key, height)
      return height
    }
    for (const name of this.#values.keys()) {
      for (const text of this.#texts(name, [])) {
        for (const step of this.#stepsOf(text)) {
          this.#checkMembers(step, diagnostics)
          follow(step)
        }
      }
    }
  }

  #stepsOf(text: ValueText): Step[] {
    return this.#referencesIn(text)
      .filter(({ root }) => root === 'params')
      .map((reference) => {
        const key = [reference.name, ...reference.rest].join('.')
        return { reference, path: text.path, key, from: text.label }
      })
  }

  /** Those that name something there is; all others are reported where values are scanned. */
  #referencesIn({ text }: ValueText): Reference[] {
    return parseText(text).parts.filter((part): part is Reference => {
      if (typeof part !== 'object') return false
      return Object.hasOwn(this.#pipeline[part.root], part.name) && (part.root !== 'stages' || part.rest.length > 0)
    })
  }

  /** The texts that refer to something in what a reference stands for, or on the way there. */
  *#texts(param: string, rest: readonly string[]): Generator<ValueText> {
    for (const { value, path } of this.#values.get(param) ?? []) yield* textsAt(param, value, path, rest)
  }

  #checkMembers({ reference, path }: Step, diagnostics: Diagnostics): void {
    const { name, rest } = reference
    const values = this.#values.get(name) ?? [this.#pipeline.params[name]!]
    for (const written of values) {
      let value = written.value
      for (const [depth, member] of rest.entries()) {
        if (refers(value) && typeof value === 'string') break
        const inside = memberOf(value, member)
        if (inside === undefined) {
          diagnostics.error(this.#place({ reference, path }), noSuchMember(reference, depth, value))
          break
        }
        value = inside
      }
    }
  }

  #reportCircle(steps: readonly Step[], diagnostics: Diagnostics): void {
    const edges = steps.map((step) => ({ ...this.#place(step), message: `\`${step.from}\` refers to \`${step.key}\`` }))
    const { message: _, ...last } = edges.at(-1)!
    const around = [...steps.map(({ from }) => from), steps[0]!.from]
    const advice = 'Give one of them a value of its own.'
    if (steps.length === 1) {
      const message = `param \`${steps[0]!.from}\` refers to itself`
      diagnostics.error(last, { code: 'cycle', message, advice: 'Give it a value of its own.' })
      return
    }
    diagnostics.error(last, {
      code: 'cycle',
      message: `params refer to each other in a circle: ${around.join(' -> ')}`,
      advice,
      related: edges.slice(0, -1),
    })
  }

  #place({ reference, path }: FoundReference): Position {
    return this.#pipeline.locateText(path, reference.index, reference.text.length)
  }
}

function* textsAt(param: string, value: Json, path: SourcePath, rest: readonly string[]): Generator<ValueText> {
  let inside = value
  let at = path
  for (const [depth, member] of rest.entries()) {
    if (typeof inside === 'string') {
      yield* textsIn(param, inside, at, path.length, rest.slice(depth))
      return
    }
    const next = memberOf(inside, member)
    if (next === undefined) return
    inside = next
    at = [...at, member]
  }
  yield* textsIn(param, inside, at, path.length, [])
}

function* textsIn(
  param: string,
  value: Json,
  path: SourcePath,
  start: number,
  rest: readonly string[],
): Generator<ValueText> {
  if (typeof value === 'string') {
    if (!value.includes('${')) return
    const label = pathForPeople([param, ...path.slice(start)])
    yield { param, label, text: value, path, rest }
  } else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value))
      yield* textsIn(param, member, [...path, Array.isArray(value) ? Number(name) : name], start, rest)
  }
}

function refers(value: Json): boolean {
  if (typeof value === 'string') return value.includes('${')
  if (value === null || typeof value !== 'object') return false
  return Object.values(value).some(refers)
}
