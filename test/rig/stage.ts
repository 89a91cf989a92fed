import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ArtifactDigest, BlobId, FileDigest } from '../../cache/digest.ts'
import { type Memos, openMemos } from '../../cache/memos.ts'
import { withDefaults } from '../../engine/plan/defaults.ts'
import { copyPassedOn, moveKept } from '../../engine/run/jobs/move-kept.ts'
import type {
  AnyStageDefinition,
  ArtifactFile,
  ArtifactKind,
  Json,
  KeptFile,
  PlanContext,
  PredictedOutput,
  ServiceContext,
  ServiceStageDefinition,
  SourceFile,
  StageInput,
  StageSummary,
} from '../../stages/define.ts'
import { temporaryFolder } from './temporary.ts'

/** Files by path, as texts, or as rows that are written as JSON Lines. */
export type Files = { readonly [path: string]: string | readonly object[] }

/** What a stage left after a run in the rig. */
export interface StageResult {
  summary: StageSummary
  /** The text of a file of an output. */
  text(output: string, file: string): string
  /** The rows of a JSON Lines file of an output. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any stage, looked into by tests
  rows(output: string, file: string): any[]
  /** Paths of the files of an output, sorted. */
  files(output: string): string[]
  folder(output: string): string
  progress: { done: number; total?: number | undefined }[]
}

/** Writes files into a new folder and returns it. */
export function writeFiles(files: Files, folder: string = temporaryFolder()): string {
  for (const [name, content] of Object.entries(files)) {
    const place = path.join(folder, name)
    mkdirSync(path.dirname(place), { recursive: true })
    writeFileSync(
      place,
      typeof content === 'string' ? content : content.map((row) => `${JSON.stringify(row)}\n`).join(''),
    )
  }
  return folder
}

/** An input file with its digest. */
export function sourceFile(location: string): SourceFile {
  return { location, digest: digestOf(location) as FileDigest }
}

/** An artifact input made of these files, read-only like those of the store. */
export function artifactInput(kind: ArtifactKind, files: Files): StageInput {
  return artifactFrom(kind, writeFiles(files))
}

/** The output of an earlier run as an input of the next. */
export function artifactFrom(kind: ArtifactKind, folder: string): StageInput {
  const found = list(folder).map((file) => {
    const location = path.join(folder, file)
    const { size, mode } = statSync(location)
    return { path: file, size, executable: (mode & 0o111) !== 0, blob: digestOf(location) as BlobId, location }
  })
  const digest = `sha256:${createHash('sha256')
    .update(JSON.stringify(found.map((file) => [file.path, file.blob])))
    .digest('hex')}`
  return { type: 'artifact', kind, digest: digest as ArtifactDigest, files: found }
}

/** A dataset (or, with `split`, a split) input whose files are written as BEIR names them. */
export function datasetInput(parts: {
  corpus?: string | readonly object[]
  queries?: string | readonly object[]
  qrels?: string
  split?: string
  name?: string
}): Extract<StageInput, { type: 'dataset' }> {
  const { corpus, queries, qrels, split, name = 'toy' } = parts
  const folder = temporaryFolder()
  const file = (place: string, content: string | readonly object[]): SourceFile => {
    writeFiles({ [place]: content }, folder)
    return sourceFile(path.join(folder, place))
  }
  return {
    type: 'dataset',
    name,
    ...(split === undefined ? {} : { split }),
    ...(corpus === undefined ? {} : { corpus: file('corpus.jsonl', corpus) }),
    ...(queries === undefined ? {} : { queries: file('queries.jsonl', queries) }),
    ...(qrels === undefined ? {} : { qrels: file(`qrels/${split ?? 'test'}.tsv`, qrels) }),
  }
}

/** Remembers nothing. */
export const noMemos: Memos = openMemos('', undefined)

const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false })

/** Checks `with` against the stage's schema (inputs may stand there as anything) and applies its defaults. */
export function checkedOptions(definition: AnyStageDefinition, written: Json): Json {
  const plain = structuredClone(written)
  if (!ajv.validate(definition.options, plain)) throw new Error(`options: ${ajv.errorsText()}`)
  // Inside unions, too, as the engine does.
  const options = withDefaults(definition.options, plain, new Map(markersIn(plain).map((name) => [name, 'unknown'])))
  const problems = definition.check?.(options) ?? []
  if (problems.length > 0) throw new Error(problems.map(({ at, message }) => `${at}: ${message}`).join('; '))
  return options
}

function markersIn(value: Json): string[] {
  if (value === null || typeof value !== 'object') return []
  const { $input } = value as { $input?: Json }
  return typeof $input === 'string' ? [$input] : Object.values(value).flatMap(markersIn)
}

/** Runs a stage on plain inputs in temporary folders. `services` are what stages on the main thread need. */
export async function runStage(
  definition: AnyStageDefinition,
  written: Json,
  inputs: { readonly [name: string]: StageInput },
  services: Partial<ServiceContext<Json>> = {},
): Promise<StageResult> {
  const options = checkedOptions(definition, written)
  const home = temporaryFolder()
  const kinds = typeof definition.outputs === 'function' ? definition.outputs(options) : definition.outputs
  const outputs: { [name: string]: string } = {}
  for (const folder of ['resume', 'scratch']) mkdirSync(path.join(home, folder))
  for (const name of Object.keys(kinds)) {
    outputs[name] = path.join(home, 'out', name)
    mkdirSync(outputs[name], { recursive: true })
  }
  const progress: StageResult['progress'] = []
  const context = {
    node: definition.type,
    options,
    inputs,
    outputs,
    resume: path.join(home, 'resume'),
    scratch: path.join(home, 'scratch'),
    embeddings: path.join(home, 'embeddings'),
    cards: [],
    progress: (done: number, total?: number) => void progress.push({ done, total }),
    drain: new AbortController().signal,
    signal: new AbortController().signal,
    log: path.join(home, 'log'),
    observe: () => {},
    memos: noMemos,
    keep: (output: string, files: readonly KeptFile[]) => moveKept(files, outputs[output] as string),
    passOn: (output: string, file: ArtifactFile) => copyPassedOn(file, outputs[output] as string),
    ...services,
  }
  const { compute } = definition as Partial<ServiceStageDefinition<Json>>
  Object.assign(context, { compute: (work: Json) => compute?.(context as unknown as ServiceContext<Json>, work) })
  const summary = await definition.run(context as ServiceContext<Json>)
  const folder = (output: string): string => {
    const place = outputs[output]
    if (place === undefined) throw new Error(`no output ${output}`)
    return place
  }
  const text = (output: string, file: string): string => readFileSync(path.join(folder(output), file), 'utf8')
  return {
    summary,
    text,
    rows: (output, file) =>
      text(output, file)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    files: (output) => list(folder(output)),
    folder,
    progress,
  }
}

/** What `predict` says for these inputs. */
export async function predictStage(
  definition: AnyStageDefinition,
  written: Json,
  inputs: { readonly [name: string]: StageInput },
  signal: AbortSignal = new AbortController().signal,
  rows?: readonly Json[],
): Promise<{ readonly [output: string]: PredictedOutput } | 'unknown'> {
  const context: PlanContext<Json> = {
    options: checkedOptions(definition, written),
    inputNames: Object.keys(inputs),
    input: (name) => inputs[name],
    inputRows: async () => rows,
    known: async () => new Set(),
    stored: async () => new Map(),
    memos: noMemos,
    signal,
  }
  return (await definition.predict?.(context)) ?? 'unknown'
}

function list(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort()
}

function digestOf(location: string): string {
  return `sha256:${createHash('sha256').update(readFileSync(location)).digest('hex')}`
}
