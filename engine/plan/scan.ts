import type { Json, Registry } from '../../stages/define.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import { parseText, type Reference, type ReferenceProblem, type ReferenceRoot } from '../parse/references.ts'
import { suggest } from '../parse/suggest.ts'

/** A reference and the path of the text that it stands in. */
export interface FoundReference {
  reference: Reference
  path: SourcePath
}

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

  constructor(pipeline: Pipeline, registry: Registry, diagnostics: Diagnostics) {
    this.#pipeline = pipeline
    this.#registry = registry
    this.#diagnostics = diagnostics
  }

  /** `onlyParams`: what stands there for references of other kinds being refused, e.g. `a dataset`. */
  scan(value: Json, path: SourcePath, onlyParams?: string): FoundReference[] {
    const found: FoundReference[] = []
    this.#visit(value, path, onlyParams, found)
    return found
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
          const message = '`$input` is reserved and can not be a key'
          this.#diagnostics.error(this.#pipeline.locate(inside, 'key'), { code: 'wrong-value', message })
        } else if (name.includes('${') && /(^|[^$])\$\{/.test(name)) {
          const message = 'a reference can not stand in a key'
          this.#diagnostics.error(this.#pipeline.locate(inside, 'key'), { code: 'reference-syntax', message })
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
        this.#diagnostics.error(this.#pipeline.locateText(path, part.index, part.text.length), {
          code: 'wrong-edge-type',
          message: `only references to params can stand in ${onlyParams}, and \`${part.text}\` is none`,
        })
      } else if (!Object.hasOwn(this.#pipeline[root], name)) this.#unknown(part, path)
      else if (root === 'stages' && part.rest.length === 0) this.#withoutOutput(part, path)
      else found.push({ reference: part, path })
    }
  }

  #malformed(problem: ReferenceProblem, path: SourcePath): void {
    const { index, length, inside, message, suggestion, advice } = problem
    const bare = this.#elsewhere(inside ?? '')
    const meant = suggestion ?? bare
    this.#diagnostics.error(this.#pipeline.locateText(path, index, length), {
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
    this.#diagnostics.error(this.#pipeline.locateText(path, index, text.length), {
      code: 'unknown-reference',
      message: `there is no ${word} \`${name}\``,
      ...(meant !== undefined
        ? { suggestion: meant }
        : { advice: names.length === 0 ? `The pipeline has no ${root}.` : `There is: ${names.sort().join(', ')}.` }),
    })
  }

  #withoutOutput({ name, text, index, all }: Reference, path: SourcePath): void {
    const { uses } = this.#pipeline.stages[name]!
    const definition = Object.hasOwn(this.#registry.stages, uses) ? this.#registry.stages[uses] : undefined
    const outputs = typeof definition?.outputs === 'object' ? Object.keys(definition.outputs).sort() : []
    this.#diagnostics.error(this.#pipeline.locateText(path, index, text.length), {
      code: 'reference-syntax',
      message: `\`${text}\` names no output of stage \`${name}\``,
      ...(outputs.length === 1
        ? { suggestion: `\${stages.${name}.${outputs[0]}${all ? '[*]' : ''}}` }
        : outputs.length > 1
          ? { advice: `Its outputs: ${outputs.join(', ')}.` }
          : {}),
    })
  }

  /** A reference to something of this name in any section, e.g. of a param that is named without `params.`. */
  #elsewhere(name: string, rest: readonly string[] = []): string | undefined {
    for (const root of ['params', 'datasets', 'models'] as const)
      if (Object.hasOwn(this.#pipeline[root], name)) return `\${${[root, name, ...rest].join('.')}}`
    return undefined
  }
}
