import path from 'node:path'
import type { Json, Registry } from '../../stages/define.ts'
import { addBaselines } from './baselines.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Diagnostics } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { explainErrors, type SchemaProblem } from './explain.ts'
import { asMap, asText, asTexts } from './json.ts'
import { literalValue, overrideParams } from './params.ts'
import { parseSource } from './parse-source.ts'
import type { Pipeline, ReportBlock, SourcePath, StageBlock } from './pipeline.ts'
import { projectRoot } from './project-root.ts'
import { readReport } from './report-block.ts'
import { SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from './schema.ts'
import { readSource, Source } from './source.ts'
import { readSweep } from './sweep.ts'
import { validate } from './validate.ts'

/** What the command line adds to a pipeline file. */
export interface LoadOptions {
  registry: Registry
  /** Raw texts of `-p NAME=VALUE`. */
  params?: { readonly [name: string]: string }
  /** What relative paths in them are relative to; the current folder if left out. */
  paramsFolder?: string
  /** Labels or values of `--only AXIS=VALUE`, by axis. */
  only?: { readonly [axis: string]: readonly string[] }
}

/** A pipeline as far as it could be understood, and what is wrong with it. */
export interface LoadedPipeline {
  /**
   * There even with errors, unless the file's form is so broken that any further problem would follow from that:
   * `buildGraph` can then look for more of them.
   */
  pipeline?: Pipeline
  diagnostics: readonly Diagnostic[]
}

const SECTIONS = ['params', 'datasets', 'models', 'pools', 'stages']

/** Reads a pipeline file and checks its form. Expected problems are values; nothing is thrown for any file. */
export function loadPipeline(file: string, options: LoadOptions): LoadedPipeline {
  const absolute = path.resolve(file)
  const diagnostics = new Diagnostics()
  const source = readSource(absolute)
  if (!(source instanceof Source)) return { diagnostics: [source] }
  const document = parseSource(source, diagnostics)
  const pipeline = document && readPipeline(document, options, diagnostics)
  return { ...(pipeline ? { pipeline } : {}), diagnostics: diagnostics.sorted(absolute) }
}

function readPipeline(document: SourceDocument, options: LoadOptions, diagnostics: Diagnostics): Pipeline | undefined {
  const { file } = document.source
  const problems = explainErrors(validate(STRUCTURE_SCHEMA, document.value))
  const form = new Form(problems)
  for (const problem of problems) reportProblem(problem, document, options.registry, diagnostics)
  const root = asMap(document.value)
  if (form.broken) return undefined
  const written: { [name: string]: Json } = {}
  for (const [name, value] of Object.entries(asMap(root.params)))
    written[name] = literalValue(value, ['params', name], document, diagnostics)
  const given = options.params ?? {}
  const params = overrideParams(written, given, diagnostics)
  const choice = { params: given, only: options.only ?? {} }
  const { axes, exclude, include, collapsed } = readSweep(root.sweep ?? null, choice, {
    document,
    params: written,
    diagnostics,
  })
  const own: { [name: string]: StageBlock } = {}
  for (const [name, block] of Object.entries(asMap(root.stages))) own[name] = readStage(name, block, form)
  const { stages, labels, entryOf } = addBaselines(root.baselines ?? null, own, options.registry, document, diagnostics)
  // Nobody wrote what is inside an added stage: its place is where it was asked for.
  const placeOf = (at: SourcePath): SourcePath | undefined =>
    at[0] === 'stages' ? entryOf.get(String(at[1])) : undefined
  const description = asText(root.description)
  return {
    file,
    root: projectRoot(path.dirname(file)),
    name: asText(root.name) ?? path.basename(file).replace(/\.ya?ml$/, ''),
    ...(description === undefined ? {} : { description }),
    params: { ...params, ...collapsed },
    // A value chosen by its label stands in the file, so its paths are the file's.
    overridden: new Set(
      Object.keys(given).filter((name) => Object.hasOwn(params, name) && !Object.hasOwn(collapsed, name)),
    ),
    paramsFolder: path.resolve(options.paramsFolder ?? '.'),
    datasets: asMap(root.datasets),
    models: asMap(root.models),
    pools: asMap(root.pools),
    stages,
    axes,
    exclude,
    include,
    report: readReport(asMap(root.report), { stages, labels, sweep: asMap(root.sweep) }, document, diagnostics),
    sources: [{ file, digest: document.source.digest }],
    locate: (at, what) => document.locate(placeOf(at) ?? at, what),
    locateText: (at, start, length) => {
      const place = placeOf(at)
      return place ? document.locate(place) : document.locateText(at, start, length)
    },
  }
}

/** What of the form is so wrong that looking further would only report consequences. */
class Form {
  readonly broken: boolean
  readonly #stages = new Set<string>()

  constructor(problems: readonly SchemaProblem[]) {
    this.broken = problems.some(({ path: at, code, suggestion }) =>
      at.length === 0
        ? code === 'wrong-type'
        : at.length === 1 &&
          ((SECTIONS.includes(String(at[0])) && code === 'wrong-type') ||
            (code === 'unknown-key' && suggestion !== undefined && SECTIONS.includes(suggestion))),
    )
    for (const { path: at, suggestion } of problems) {
      const misspelt = at.length === 3 && (suggestion === 'uses' || suggestion === 'with')
      const wrong = at.length === 2 || (at.length === 3 && (at[2] === 'uses' || at[2] === 'with'))
      if (at[0] === 'stages' && (misspelt || wrong)) this.#stages.add(String(at[1]))
    }
  }

  /** Whether a stage's type or options can't be made out. */
  hides(stage: string): boolean {
    return this.#stages.has(stage)
  }
}

function reportProblem(
  problem: SchemaProblem,
  document: SourceDocument,
  registry: Registry,
  diagnostics: Diagnostics,
): void {
  const { path: at, what, ...facts } = problem
  const [section, stage, key] = at
  if (section === 'stages' && at.length === 3 && problem.code === 'unknown-key' && typeof key === 'string') {
    const uses = asMap(asMap(asMap(document.value).stages)[String(stage)]).uses
    const definition =
      typeof uses === 'string' && Object.hasOwn(registry.stages, uses) ? registry.stages[uses] : undefined
    if (definition?.options.properties && Object.hasOwn(definition.options.properties, key)) {
      const { suggestion: _, ...rest } = facts
      const advice = `\`${key}\` is an option of ${uses}: it stands under \`with\`.`
      diagnostics.error(document.locate(at, what), { ...rest, advice })
      return
    }
  }
  diagnostics.error(document.locate(at, what), facts)
}

function readStage(name: string, block: Json, form: Form): StageBlock {
  const map = asMap(block)
  const description = asText(map.description)
  const settings: { [name: string]: Json } = {}
  for (const key of Object.keys(SETTINGS_SCHEMA.properties ?? {})) if (map[key] !== undefined) settings[key] = map[key]
  return {
    name,
    uses: form.hides(name) ? '' : (asText(map.uses) ?? ''),
    with: asMap(map.with),
    after: asTexts(map.after),
    settings,
    passEnv: asTexts(map.pass_env),
    ...(description === undefined ? {} : { description }),
  }
}
