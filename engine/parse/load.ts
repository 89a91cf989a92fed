import path from 'node:path'
import type { Json, Registry } from '../../stages/define.ts'
import { addBaselines } from './baselines.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Diagnostics } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { explainErrors, type SchemaProblem } from './explain.ts'
import { readIncludes } from './include.ts'
import { asMap, asText, asTexts } from './json.ts'
import { createLocator } from './locator.ts'
import { readGivenParams } from './params.ts'
import { readParamsFile } from './params-file.ts'
import { parseSource } from './parse-source.ts'
import type { Pipeline, SourcePath, StageBlock, Written } from './pipeline.ts'
import { projectRoot } from './project-root.ts'
import { readReport } from './report-block.ts'
import { INCLUDED_SCHEMA, SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from './schema.ts'
import { mergeSections, SECTIONS } from './sections.ts'
import { readSource, Source } from './source.ts'
import { readSweep } from './sweep.ts'
import { validate } from './validate.ts'

/** What the command line adds to a pipeline file. */
export interface LoadOptions {
  registry: Registry
  /** Raw texts of `-p NAME=VALUE`. */
  params?: { readonly [name: string]: string }
  /** Paths of `--params FILE`: values of params, later files over earlier ones, `-p` over all. */
  paramsFiles?: readonly string[]
  /** What relative paths on the command line are relative to; the current folder if left out. */
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

/** Reads a pipeline file and checks its form. Expected problems are values; nothing is thrown for any file. */
export function loadPipeline(file: string, options: LoadOptions): LoadedPipeline {
  const absolute = path.resolve(file)
  const diagnostics = new Diagnostics()
  const source = readSource(absolute)
  if (!(source instanceof Source)) return { diagnostics: [source] }
  const count = { values: 0 }
  const main = parseSource(source, diagnostics, count)
  const paramsFolder = path.resolve(options.paramsFolder ?? '.')
  const paramsFiles = (options.paramsFiles ?? [])
    .map((name) => readParamsFile(name, paramsFolder, diagnostics, count))
    .filter((document) => document !== undefined)
  if (!main) return { diagnostics: diagnostics.sorted(absolute) }
  const root = projectRoot(path.dirname(absolute))
  const included = readIncludes(main, root, diagnostics, count)
  const files = { main, included, paramsFiles, paramsFolder, root }
  const pipeline = readPipeline(files, options, diagnostics)
  return { ...(pipeline ? { pipeline } : {}), diagnostics: diagnostics.sorted(absolute) }
}

/** All that was read, before any of it is understood. */
interface ReadFiles {
  main: SourceDocument
  included: readonly SourceDocument[]
  paramsFiles: readonly SourceDocument[]
  paramsFolder: string
  root: string
}

function readPipeline(files: ReadFiles, options: LoadOptions, diagnostics: Diagnostics): Pipeline | undefined {
  const { main, included, paramsFiles, root } = files
  const { file } = main.source
  const documents = [...included, main]
  const form = new Form(documents.flatMap((document) => checkForm(document, document === main, options, diagnostics)))
  if (form.broken) return undefined
  const sections = mergeSections(documents, diagnostics)
  const own: { [name: string]: StageBlock } = {}
  for (const [name, block] of Object.entries(sections.stages)) own[name] = readStage(name, block, form)
  const block = asMap(main.value)
  if (Object.keys(own).length === 0) reportNoStages(main, diagnostics)
  const locator = createLocator({ ...files, sections })
  const added = addBaselines(block.baselines ?? null, own, options.registry, locator, diagnostics)
  const { stages, labels, entryOf, likeOf } = added
  // Nobody wrote what is inside an added stage: its place is where it was asked for.
  const entryAt = (at: SourcePath): SourcePath | undefined =>
    at[0] === 'stages' ? entryOf.get(String(at[1])) : undefined
  const given = readGivenParams(sections.params, paramsFiles, options.params ?? {}, diagnostics)
  const { axes, exclude, include, collapsed, written } = readSweep(
    block.sweep ?? null,
    { given, only: options.only ?? {} },
    { document: main, params: sections.params, diagnostics },
  )
  const params: { [name: string]: Written } = {}
  for (const [name, value] of Object.entries(sections.params)) params[name] = { value, path: ['params', name] }
  const inFiles = paramsFiles.flatMap(({ value }, i) =>
    Object.entries(asMap(value)).map(([name, member]): Written => ({ value: member, path: ['--params', i, name] })),
  )
  const everywhere = [...Object.values(params), ...written, ...inFiles]
  // A value that was chosen by its name is that of the axis.
  const chosen = [...given].filter(([name]) => !Object.hasOwn(collapsed, name))
  for (const [name, { value, path: at }] of chosen) params[name] = { value, path: at }
  for (const [name, { value, path: at }] of Object.entries(collapsed)) params[name] = { value, path: at }
  const description = asText(block.description)
  return {
    file,
    root,
    name: asText(block.name) ?? path.basename(file).replace(/\.ya?ml$/, ''),
    ...(description === undefined ? {} : { description }),
    params,
    written: [...everywhere, ...chosen.map(([, value]) => value).filter(({ text }) => text !== undefined)],
    datasets: sections.datasets,
    models: sections.models,
    pools: asMap(block.pools),
    stages,
    axes,
    exclude,
    include,
    report: readReport(asMap(block.report), { stages, labels, sweep: asMap(block.sweep) }, main, diagnostics),
    sources: [main, ...included, ...paramsFiles].map(({ source }) => ({ file: source.file, digest: source.digest })),
    locate: (at, what) => locator.locate(entryAt(at) ?? at, what),
    locateText: (at, start, length) => {
      const entry = entryAt(at)
      return entry ? locator.locate(entry) : locator.locateText(at, start, length)
    },
    folder: (at) => locator.folder(at[0] === 'stages' ? ['stages', likeOf.get(String(at[1])) ?? at[1]!] : at),
  }
}

function checkForm(
  document: SourceDocument,
  main: boolean,
  options: LoadOptions,
  diagnostics: Diagnostics,
): FormProblem[] {
  const errors = validate(main ? STRUCTURE_SCHEMA : INCLUDED_SCHEMA, document.value)
  const problems = explainErrors(errors).map((problem) => withStageHint(problem, document, options.registry))
  for (const problem of problems) {
    const [key] = problem.path
    const elsewhere = !main && problem.path.length === 1 && problem.code === 'unknown-key' && !problem.suggestion
    const onlyInMain = elsewhere && Object.hasOwn(STRUCTURE_SCHEMA.properties ?? {}, String(key))
    const advice = `\`${key}\` can only stand in the pipeline file itself.`
    const { path: at, what, misplaced: _, ...facts } = problem
    diagnostics.error(document.locate(at, what), onlyInMain ? { ...facts, advice } : facts)
  }
  return problems
}

function reportNoStages(main: SourceDocument, diagnostics: Diagnostics): void {
  const written = asMap(main.value).stages !== undefined
  diagnostics.error(main.locate(written ? ['stages'] : [], 'key'), {
    code: 'missing-key',
    message: written ? '`stages` is empty' : '`stages` is missing',
    advice: 'A pipeline has one stage or more: `stages: { NAME: { uses: TYPE, with: { … } } }`.',
  })
}

/** `misplaced`: an option that stands beside `with`, so that it would seem to be missing there. */
type FormProblem = SchemaProblem & { misplaced?: boolean }

/** What of the form is so wrong that looking further would only report consequences. */
class Form {
  readonly broken: boolean
  readonly #stages = new Set<string>()

  constructor(problems: readonly FormProblem[]) {
    this.broken = problems.some(({ path: at, code, suggestion }) =>
      at.length === 0
        ? code === 'wrong-type'
        : at.length === 1 &&
          ((isSection(at[0]) && code === 'wrong-type') ||
            (code === 'unknown-key' && suggestion !== undefined && isSection(suggestion))),
    )
    for (const { path: at, suggestion, misplaced } of problems) {
      const misspelt = at.length === 3 && (misplaced || suggestion === 'uses' || suggestion === 'with')
      const wrong = at.length === 2 || (at.length === 3 && (at[2] === 'uses' || at[2] === 'with'))
      if (at[0] === 'stages' && (misspelt || wrong)) this.#stages.add(String(at[1]))
    }
  }

  /** Whether a stage's type or options can't be made out. */
  hides(stage: string): boolean {
    return this.#stages.has(stage)
  }
}

function isSection(name: unknown): boolean {
  return SECTIONS.some((section) => section === name)
}

/** Adds what only the stage types can tell about a problem of a stage's block. */
function withStageHint(problem: SchemaProblem, document: SourceDocument, registry: Registry): FormProblem {
  const { path: at, code } = problem
  const [section, stage, key] = at
  if (section !== 'stages') return problem
  if (code === 'missing-key' && at.length === 2)
    return { ...problem, advice: `It names the stage type: ${Object.keys(registry.stages).sort().join(', ')}.` }
  if (code !== 'unknown-key' || at.length !== 3 || typeof key !== 'string') return problem
  const uses = asMap(asMap(asMap(document.value).stages)[String(stage)]).uses
  const options = typeof uses === 'string' && Object.hasOwn(registry.stages, uses) && registry.stages[uses]?.options
  if (!options || !Object.hasOwn(options.properties ?? {}, key)) return problem
  const { suggestion: _, ...rest } = problem
  return { ...rest, advice: `\`${key}\` is an option of ${uses}: it stands under \`with\`.`, misplaced: true }
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
