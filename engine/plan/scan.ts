import type { Json, Registry } from '../../stages/define.ts'
import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import { COMMAND_LINE, type Diagnostics } from '../parse/diagnostics.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import { parseText, type Reference, type ReferenceProblem, type ReferenceRoot } from '../parse/references.ts'
import { suggest } from '../parse/suggest.ts'
import { type FoundReference, ParamReach } from './param-reach.ts'

export type { FoundReference }

const SECTION_WORDS: { readonly [root in ReferenceRoot]: string } = {
  params: 'param',
  datasets: 'dataset',
  models: 'model',
  stages: 'stage',
}

/** Finds every reference of a block that names something there is, and reports all others. */
export class Scanner {
  readonly #pipeline: Pipeline
  readonly #registry: Registry
  readonly #diagnostics: Diagnostics
  readonly #reach: ParamReach

  constructor(pipeline: Pipeline, registry: Registry, diagnostics: Diagnostics) {
    this.#pipeline = pipeline
    this.#registry = registry
    this.#diagnostics = diagnostics
    this.#reach = new ParamReach(pipeline)
  }

  /** Looks for mistakes in all that was written for params, in use or not. */
  scanParams(): void {
    for (const { value, path } of this.#pipeline.written) this.#visit(value, path, undefined, [])
    this.#reach.check(this.#diagnostics)
  }

  /**
   * The references of a block, and what they lead to through the values of params. `onlyParams`: what stands there for
   * references of other kinds being refused, e.g. `a dataset`.
   */
  scan(value: Json, path: SourcePath, onlyParams?: string): FoundReference[] {
    const found: FoundReference[] = []
    this.#visit(value, path, onlyParams, found)
    return this.#reach.closure(found)
  }

  #visit(value: Json, path: SourcePath, onlyParams: string | undefined, found: FoundReference[]): void {
    if (typeof value === 'string') {
      if (value.includes('${')) this.#text(value, path, onlyParams, found)
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) this.#visit(item, [...path, i], onlyParams, found)
    } else if (value !== null && typeof value === 'object') {
      for (const [name, item] of Object.entries(value)) {
        const inside = [...path, name]
        if (name === '$input') {
          const facts = { message: '`$input` is reserved and can not be a key', advice: 'Give it another name.' }
          this.#report(inside, this.#pipeline.locate(inside, 'key'), { code: 'wrong-value', ...facts })
        } else if (name.includes('${') && /(^|[^$])\$\{/.test(name)) {
          const facts = { message: 'a reference can not stand in a key', advice: 'Write the key itself.' }
          this.#report(inside, this.#pipeline.locate(inside, 'key'), { code: 'reference-syntax', ...facts })
        }
        this.#visit(item, inside, onlyParams, found)
      }
    }
  }

  #text(text: string, path: SourcePath, onlyParams: string | undefined, found: FoundReference[]): void {
    const { parts, problems } = parseText(text)
    for (const problem of problems) this.#malformed(problem, path)
    for (const part of parts) {
      if (typeof part === 'string') continue
      const { root, name } = part
      if (onlyParams !== undefined && root !== 'params') {
        this.#report(path, this.#pipeline.locateText(path, part.index, part.text.length), {
          code: 'wrong-edge-type',
          message: `only references to params can stand in ${onlyParams}, and \`${part.text}\` is none`,
          advice: 'Write a plain value, or a reference such as ${params.NAME}.',
        })
      } else if (!Object.hasOwn(this.#pipeline[root], name)) this.#unknown(part, path)
      else if (root !== 'params' && parts.length > 1) this.#withinText(part, path)
      else if (root === 'stages' && part.rest.length === 0) this.#withoutOutput(part, path)
      else found.push({ reference: part, path })
    }
  }

  #malformed(problem: ReferenceProblem, path: SourcePath): void {
    const { index, length, inside, message, suggestion, advice } = problem
    const bare = this.#elsewhere(inside ?? '')
    const meant = suggestion ?? bare
    this.#report(path, this.#pipeline.locateText(path, index, length), {
      code: 'reference-syntax',
      message,
      ...(meant === undefined ? {} : { suggestion: meant }),
      ...(advice === undefined || bare !== undefined ? {} : { advice }),
    })
  }

  #unknown({ root, name, rest, text, index }: Reference, path: SourcePath): void {
    const names = Object.keys(this.#pipeline[root])
    const near = suggest(name, names)
    const meant = near === undefined ? this.#elsewhere(name, rest) : `\${${[root, near, ...rest].join('.')}}`
    const word = SECTION_WORDS[root]
    this.#report(path, this.#pipeline.locateText(path, index, text.length), {
      code: 'unknown-reference',
      message: `there is no ${word} \`${name}\``,
      ...(meant !== undefined
        ? { suggestion: meant }
        : { advice: names.length === 0 ? `The pipeline has no ${root}.` : `There is: ${names.sort().join(', ')}.` }),
    })
  }

  #withinText({ text, index }: Reference, path: SourcePath): void {
    this.#report(path, this.#pipeline.locateText(path, index, text.length), {
      code: 'reference-not-scalar',
      message: `\`${text}\` can't stand inside a text`,
      advice: 'It must be the whole value.',
    })
  }

  #withoutOutput({ name, text, index, all }: Reference, path: SourcePath): void {
    const { uses } = this.#pipeline.stages[name]!
    const definition = Object.hasOwn(this.#registry.stages, uses) ? this.#registry.stages[uses] : undefined
    const outputs = typeof definition?.outputs === 'object' ? Object.keys(definition.outputs).sort() : []
    this.#report(path, this.#pipeline.locateText(path, index, text.length), {
      code: 'reference-syntax',
      message: `\`${text}\` names no output of stage \`${name}\``,
      ...(outputs.length === 1
        ? { suggestion: `\${stages.${name}.${outputs[0]}${all ? '[*]' : ''}}` }
        : outputs.length > 1
          ? { advice: `Its outputs: ${outputs.join(', ')}.` }
          : {}),
    })
  }

  #report(path: SourcePath, at: Position, facts: Omit<Diagnostic, keyof Position | 'severity'>): void {
    const where = at.file === COMMAND_LINE ? ` (in param \`${path[1]}\`, given with -p)` : ''
    this.#diagnostics.error(at, { ...facts, message: facts.message + where })
  }

  /** A reference to something of this name in any section, e.g. of a param that is named without `params.`. */
  #elsewhere(name: string, rest: readonly string[] = []): string | undefined {
    for (const root of ['params', 'datasets', 'models'] as const)
      if (Object.hasOwn(this.#pipeline[root], name)) return `\${${[root, name, ...rest].join('.')}}`
    return undefined
  }
}
