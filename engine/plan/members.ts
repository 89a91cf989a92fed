import type { CanonicalValue } from '../../cache/canonical.ts'
import type {
  DatasetFiles,
  DatasetPart,
  DatasetPlace,
  Json,
  OptionsSchema,
  Problem,
  Registry,
} from '../../stages/define.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { explainErrors } from '../parse/explain.ts'
import { pathOf } from '../parse/path-text.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import { suggest } from '../parse/suggest.ts'
import { validate } from '../parse/validate.ts'
import { type Bound, bindBlock } from './bind.ts'
import { withDefaults } from './defaults.ts'
import type { Files } from './files.ts'
import { reportInBlock } from './locate-problem.ts'
import { modelKind } from './model-kind.ts'
import type { InputRef } from './node.ts'
import { type Origin, throughParams } from './origin.ts'
import type { Scanner } from './scan.ts'
import type { Projection, Variant, Variants } from './variants.ts'

type Dataset = Extract<InputRef, { type: 'dataset' }>
type ModelRef = Extract<InputRef, { type: 'llm' | 'encoder' }>

interface Context {
  pipeline: Pipeline
  registry: Registry
  variants: Variants
  files: Files
  scanner: Scanner
  diagnostics: Diagnostics
}

/** A member of `datasets:` or `models:`, resolved once for each value of the params that it uses. */
class Member<Value> {
  readonly axes: readonly number[]
  readonly #section: 'datasets' | 'models'
  readonly #name: string
  readonly #context: Context
  readonly #projection: Projection
  readonly #resolve: (block: Json, folder: string, bound: Bound) => Value | undefined
  readonly #resolved = new Map<Variant, Value | undefined>()

  constructor(
    section: 'datasets' | 'models',
    name: string,
    context: Context,
    resolve: (block: Json, folder: string, bound: Bound) => Value | undefined,
  ) {
    this.#section = section
    this.#name = name
    this.#context = context
    this.#resolve = resolve
    const { pipeline, scanner, variants } = context
    const where = section === 'datasets' ? 'a dataset' : 'a model'
    const references = scanner.scan(pipeline[section][name]!, [section, name], where)
    const params = references.filter(({ reference }) => reference.root === 'params')
    const axes = params.map(({ reference }) => variants.axisOf(reference.name))
    this.#projection = variants.over(axes.filter((axis) => axis !== undefined))
    this.axes = this.#projection.axes
    for (const variant of this.#projection.variants) this.under(variant)
  }

  /** All that it resolves to, by the suffix of node ids. */
  *entries(): Generator<[string, Value]> {
    for (const [variant, value] of this.#resolved) if (value !== undefined) yield [variant.suffix, value]
  }

  /** What it is for a node of this variant; undefined after reporting why it is nothing. */
  under(variant: Variant): Value | undefined {
    const own = this.#context.variants.project(variant, this.#projection)
    if (!this.#resolved.has(own)) this.#resolved.set(own, this.#compute(own))
    return this.#resolved.get(own)
  }

  #compute(variant: Variant): Value | undefined {
    const { pipeline, registry, files, diagnostics } = this.#context
    const base = [this.#section, this.#name]
    const schema: OptionsSchema = registry[this.#section].schema
    const params = { ...pipeline.params, ...variant.values }
    const bound = bindBlock(pipeline[this.#section][this.#name]!, schema, base, {
      pipeline,
      params,
      files,
      diagnostics,
      inputs: false,
    })
    const block = withDefaults(schema, bound.value, new Map())
    const problems = explainErrors(validate(schema, block))
    reportInBlock(problems, bound, base, pipeline, diagnostics)
    if (problems.length > 0 || bound.holes.size > 0) return undefined
    return this.#resolve(block, pipeline.folder(base), bound)
  }
}

/** The datasets and models of a pipeline, under the params of a node. */
export class Members {
  readonly #context: Context
  readonly #datasets = new Map<string, Member<DatasetFiles>>()
  readonly #models = new Map<string, Member<ModelRef>>()

  constructor(context: Context) {
    this.#context = context
    const { pipeline, registry } = context
    for (const name of Object.keys(pipeline.datasets)) {
      const resolve = (block: Json, folder: string, bound: Bound): DatasetFiles | undefined => {
        const found = registry.datasets.resolve(block, folder)
        return isProblem(found) ? this.#report(found, 'datasets', name, bound) : found
      }
      this.#datasets.set(name, new Member('datasets', name, context, resolve))
    }
    for (const name of Object.keys(pipeline.models)) {
      const resolve = (block: Json, folder: string, bound: Bound): ModelRef | undefined => {
        const identity = registry.models.identity(block, folder)
        if (isProblem(identity)) return this.#report(identity, 'models', name, bound)
        const kind = modelKind(block)
        return { ...(kind === 'llm' ? { type: kind } : { type: 'encoder', kind }), name, block, folder, identity }
      }
      this.#models.set(name, new Member('models', name, context, resolve))
    }
  }

  /** Axes that a dataset or a model depends on. */
  axesOf(section: 'datasets' | 'models', name: string): readonly number[] {
    const members = section === 'datasets' ? this.#datasets : this.#models
    return members.get(name)?.axes ?? []
  }

  /** Where the files of a dataset lie, for a node of this variant. */
  dataset(name: string, variant: Variant): DatasetFiles | undefined {
    return this.#datasets.get(name)?.under(variant)
  }

  /** The language model, for a node of this variant. */
  model(name: string, variant: Variant): ModelRef | undefined {
    return this.#models.get(name)?.under(variant)
  }

  /** The files of a dataset that a slot reads; reports at `at` what it lacks. */
  bindDataset(
    wanted: { name: string; split?: string; parts: readonly DatasetPart[] },
    variant: Variant,
    at: () => Position,
    origin: Origin | undefined,
  ): Dataset | undefined {
    const files = this.dataset(wanted.name, variant)
    if (!files) return undefined
    const { name, split, parts } = wanted
    const { diagnostics } = this.#context
    if (split !== undefined && !Object.hasOwn(files.qrels, split)) {
      const splits = Object.keys(files.qrels).sort()
      const near = suggest(split, splits)
      const facts = {
        code: 'unknown-reference' as const,
        message: `dataset \`${name}\` has no split \`${split}\``,
        ...(near !== undefined
          ? { suggestion: `\${datasets.${name}.${near}}` }
          : { advice: splits.length === 0 ? 'It has no judgements.' : `It has: ${splits.join(', ')}.` }),
      }
      diagnostics.error(at(), throughParams(facts, origin))
      return undefined
    }
    const found: Dataset['parts'] = {}
    for (const part of new Set(parts)) {
      // Judgements belong to a split; a slot for a whole dataset can only read them through an implied one.
      const file = placeOfPart(files, part, split)
      if (file !== undefined) found[part] = file
      else if (part !== 'qrels') {
        const message = `dataset \`${name}\` has no ${part}`
        const advice = `Name a file as \`${part}\` of the dataset, or add it to its folder.`
        diagnostics.error(at(), throughParams({ code: 'dataset', message, advice }, origin))
        return undefined
      }
    }
    return { type: 'dataset', name, ...(split === undefined ? {} : { split }), parts: found }
  }

  /** All datasets: by name, with the axes' labels where they depend on axes (`scifact[data=small]`). */
  allDatasets(): { [name: string]: DatasetFiles } {
    const all: { [name: string]: DatasetFiles } = {}
    for (const [name, member] of this.#datasets)
      for (const [suffix, files] of member.entries()) all[name + suffix] = files
    return all
  }

  #report(problem: Problem, section: 'datasets' | 'models', name: string, bound: Bound): undefined {
    const { pipeline, diagnostics } = this.#context
    const path = problem.at === undefined ? [] : pathOf(problem.at)
    const code = section === 'datasets' ? 'dataset' : 'model'
    const { message, advice } = problem
    const facts = { path, what: path.length === 0 ? ('key' as const) : ('value' as const), code, message } as const
    const found = advice === undefined ? facts : { ...facts, advice }
    reportInBlock([found], bound, [section, name], pipeline, diagnostics)
  }
}

function isProblem(value: DatasetFiles | CanonicalValue | Problem): value is Problem {
  return value !== null && typeof value === 'object' && 'message' in value && typeof value.message === 'string'
}

function placeOfPart(files: DatasetFiles, part: DatasetPart, split: string | undefined): DatasetPlace | undefined {
  if (part === 'qrels') return split === undefined ? undefined : files.qrels[split]
  return (part === 'queries' && split !== undefined ? files.splitQueries?.[split] : undefined) ?? files[part]
}
