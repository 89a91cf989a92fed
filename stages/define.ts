import type { CanonicalValue } from '../cache/canonical.ts'
import type { ArtifactDigest, BlobId, FileDigest, RowKey } from '../cache/digest.ts'
import type { Memos } from '../cache/memos.ts'
import type { RowStore } from '../cache/row-store.ts'
import type { AskSettings, ModelCharge, RowAnswer, RowRequest } from './asking.ts'
import type { Audits } from './auditing.ts'
import type { Baselines } from './baselines/define.ts'
import type { DatasetFiles, Reading, RemotePart } from './data/place.ts'
import type { Survey } from './data/survey.ts'
import type { EncodedCorpus, SharedEncoding } from './encoding.ts'
import type { Finding } from './finding.ts'
import type { Estimate, Implied, Lineage, PlanContext, PredictedOutput, Shown } from './planning.ts'
import type { ProcessRunner } from './processes.ts'
import type { LeaseModel, ModelLeases, ProvideServices } from './serving.ts'
import type { TaskArrays, TaskContext } from './task-arrays.ts'
import type { ToolsCache } from './tools-cache.ts'

export type { AskSettings, ModelCharge, RowAnswer, RowRequest } from './asking.ts'
export type { AuditGrade, AuditItem, AuditNode, AuditSignals, AuditSource, Audits } from './auditing.ts'
export type { EncodedCorpus, EncodingShare } from './encoding.ts'
export type { Finding } from './finding.ts'
export type { Estimate, Implied, Lineage, PlanContext, PredictedOutput, Shown, UpstreamPairs } from './planning.ts'
export type { ProcessRequest, ProcessResult, ProcessRunner, RunningProcess } from './processes.ts'
export type { LeaseModel, ModelEndpoint, ModelLeases, ProvideServices } from './serving.ts'
export type { SubmittedTasks, TaskArray, TaskArrays, TaskContext, TaskStanding } from './task-arrays.ts'
export type { ToolsCache } from './tools-cache.ts'

/** All that the engine knows of a stage type, and all that a stage type knows of the engine. */

/** JSON as it stands in a pipeline after references were resolved. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** What running a pipeline does beyond computing on its inputs: people are shown it before they trust a stranger's. */
export interface Exposure {
  does: 'runs' | 'starts' | 'contacts' | 'downloads' | 'reads'
  /** Exactly what: a command line, an address, a file. */
  what: string
}

/** What one output of a stage is; edges of the graph are checked by it. */
export type ArtifactKind =
  | 'passages'
  | 'pairs'
  | 'negatives'
  | 'training'
  | 'model'
  | 'scores'
  | 'run'
  | 'qrels'
  | 'judgements'
  | 'analysis'
  | 'file'
  | 'folder'

/** What else can stand where an input is expected. */
export type SourceKind = 'dataset' | 'split' | 'llm' | 'encoder' | 'cross-encoder' | 'prompt' | 'path'

/** The parts of a collection that a slot can read; each is hashed by itself. */
export type DatasetPart = 'corpus' | 'queries' | 'qrels'

/** Marks a place in a stage's options where an input stands. */
export interface Slot {
  accepts: readonly (ArtifactKind | SourceKind)[]
  /** Which files of a dataset the stage reads, for `dataset` (a `split` always is queries and its qrels). */
  parts?: readonly DatasetPart[]
  /**
   * A list over the variants of a stage can stand here too (`${stages.x.OUT[*]}`); its members are inputs below the
   * slot's pointer. `numbered`: `from/0`, `from/1`, … in the order of the axes. `labelled`: by what tells the variants
   * apart (`runs/density=1,scale=0.5`; `runs/only` where there is one), so that labels are part of the key.
   */
  lists?: 'numbered' | 'labelled'
}

/**
 * JSON Schema (draft 2020-12) of a stage's `with`. Beside the standard words: `slot` (an input stands here),
 * `semantic: false` (this option can't change the meaning of the result and stays out of the key) and, in blocks of
 * datasets and models, `relative: true` (a path, unless it has a scheme as in `pypi:`; made absolute where it was written
 * elsewhere than the block).
 */
export interface OptionsSchema {
  readonly type?: string | readonly string[]
  readonly properties?: { readonly [name: string]: OptionsSchema }
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | OptionsSchema
  readonly items?: OptionsSchema
  readonly oneOf?: readonly OptionsSchema[]
  readonly anyOf?: readonly OptionsSchema[]
  readonly enum?: readonly Json[]
  readonly const?: Json
  readonly default?: Json
  readonly description?: string
  readonly slot?: Slot
  readonly semantic?: boolean
  readonly relative?: boolean
  readonly [word: string]: unknown
}

/** Stands in the options of a running stage where the pipeline has an input; `$input` is that input's name. */
export interface InputMarker {
  $input: string
}

/** One file of an artifact, readable at `location` (a blob: never write there). */
export interface ArtifactFile {
  /** Path inside the artifact, with `/`. */
  path: string
  size: number
  executable: boolean
  blob: BlobId
  location: string
}

/**
 * What a stage is given for one input. Plain data, so that it can be handed to a worker thread. Its name is its JSON
 * pointer within `with`, without the leading slash: `passages`, `pairs/0/from`, `steps/3/round_trip/corpus`.
 */
export type StageInput =
  | { type: 'artifact'; kind: ArtifactKind; digest: ArtifactDigest; files: ArtifactFile[] }
  | {
      type: 'dataset'
      /** The name it has in the pipeline, for people; not part of any key. */
      name: string
      split?: string
      corpus?: SourceFile
      queries?: SourceFile
      qrels?: SourceFile
    }
  | {
      type: 'llm'
      name: string
      model: Json
      /** What paths in the block are relative to. */
      folder: string
      identity: CanonicalValue
    }
  | {
      type: 'encoder' | 'cross-encoder'
      name: string
      model: Json
      /** The folder of the model, brought to this machine: paths inside it, and where their bytes lie. */
      files: readonly { path: string; location: string }[]
    }
  | { type: 'prompt'; path: string; value: Json }
  | { type: 'path'; path: string; files: (SourceFile & { path: string; executable: boolean })[]; folder: boolean }

/** One input outside the store, and the digest it had when the plan was made. */
export interface SourceFile {
  location: string
  digest: FileDigest
  /** Of a dataset: sorted paths below `location`, which then is a folder. */
  files?: readonly string[]
  /** Of a dataset: how it is read. Where it is there, the digest is that of the part, not of the bytes of a file. */
  reading?: Reading
}

/** Counts and warnings that a stage leaves for people; never time, never money (those go into the record). */
export interface StageSummary {
  counts: { readonly [name: string]: number }
  warnings?: readonly string[]
  /** Anything else worth showing, by name: quantiles, shares, realised thresholds. */
  details?: Json
  /** Rows that failed for a reason that may pass; above 0 the node is recorded as incomplete. */
  incomplete?: number
}

/** What every stage gets while it runs. All of it works in a worker thread. */
export interface StageContext<Options> {
  node: string
  options: Options
  inputs: { readonly [name: string]: StageInput }
  /** A private folder for each output, empty at first; what stands in it at the end is the output. */
  outputs: { readonly [name: string]: string }
  /** Folder kept between attempts of the same key only; made by a stage that uses it. */
  resume: string
  /** Scratch folder, removed afterwards. */
  scratch: string
  /** Where vectors of texts are kept from run to run. */
  embeddings: string
  /** Cards lent to the node, counted as CUDA counts those that the engine sees. */
  cards: readonly number[]
  progress(done: number, total?: number, note?: string): void
  /**
   * What the model bound at the input `llm` answers to these requests, in their order: from the store, or stored before it
   * is given. Rejects when the stage has to end (interrupted, or nobody answers); what was answered by then is kept.
   */
  ask(llm: string, requests: readonly RowRequest[], settings: AskSettings): Promise<readonly RowAnswer[]>
  /** Aborted at the first Ctrl-C: start nothing new, let what is in flight finish. `signal` is the second. */
  drain: AbortSignal
  signal: AbortSignal
}

/** What stages that start processes or ask models get on top; they run on the main thread. */
export interface ServiceContext<Options> extends StageContext<Options> {
  /** The node's log file; output of its processes is appended there. */
  log: string
  rows: RowStore
  memos: Memos
  processes: ProcessRunner
  models: ModelLeases
  /** Where parts of the node can run beyond this process, if its executor has such a place. */
  arrays?: TaskArrays
  tools: ToolsCache
  /** Hands over an output as these files, for which a definition that `keepsFiles` has no folder. */
  keep(output: string, files: readonly KeptFile[]): void
  /** Where copies of inputs may be kept; `onStored` calls when outputs are stored and processes gone; that must not throw. */
  copies?: { folder: string; onStored(then: () => void): void }
  /** Makes a file of an input a file of an output, under its name and as it is: what the store holds is not read again. */
  passOn(output: string, file: ArtifactFile): Promise<void>
  /** Counts requests for the run's totals and its events, and what they took for the ledger. */
  count(requests: Partial<RequestCounts>, charge?: ModelCharge): void
  /** Runs the definition's `compute` off the main thread, on this context and `work`. */
  compute(work: Json): Promise<StageSummary>
  /** Notes what was seen of this execution (hardware, versions, speed) in its record; never part of a key or an output. */
  observe(facts: { readonly [name: string]: Json }): void
}

/** A file of an output that is taken from where it lies, in the node's scratch folder. */
export interface KeptFile {
  /** Its place in the output, with `/`. */
  path: string
  location: string
  executable: boolean
}

export interface RequestCounts {
  sent: number
  cached: number
  failed: number
}

/** A failure that people can mend: what, where, and what to do. Everything else thrown by a stage is a bug. */
export class StageError extends Error {
  /** `file:line` or another place, if there is one. */
  readonly where: string | undefined
  /** What to do about it. */
  readonly advice: string | undefined
  /** Last lines of the log of a failing process. */
  readonly tail: string | undefined
  /** Whether another attempt may help. */
  readonly transient: boolean

  constructor(
    message: string,
    facts: { where?: string; advice?: string; tail?: string; transient?: boolean; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'StageError'
    this.where = facts.where
    this.advice = facts.advice
    this.tail = facts.tail
    this.transient = facts.transient ?? false
  }
}

/** A stage type. `stage.ts` of each folder holds one; it stays light, and loads what runs when it runs. */
export interface StageDefinition<Options = never> {
  type: string
  /** Raised when the same inputs should give other outputs. */
  version: number
  description: string
  options: OptionsSchema
  /** Kinds by output name; a function where they depend on the options (`command`). */
  outputs: { readonly [name: string]: ArtifactKind } | ((options: Options) => { readonly [name: string]: ArtifactKind })
  /** `worker`: CPU work off the main thread. `main`: waits for processes and servers. */
  thread: 'worker' | 'main'
  /** False where the same inputs and stored rows may give other bytes: `reproduce` leaves it out unless it is named. */
  deterministic?: boolean
  /** Rules that a schema can't say; each problem names the place within `with`. */
  check?(options: Options): readonly { at: string; message: string; advice?: string }[]
  implied?(options: Options, lineage: Lineage): readonly Implied[]
  /** Labelled queries that it shows to a model: no split may be measured on that any of them is from. */
  shows?(options: Options): readonly Shown[]
  /** The split that it measures on is bound at `input`; `without` are its options if shown queries are left out. */
  measures?: { input: string; without(options: Options, shown: readonly Json[]): Json }
  /**
   * The language model bound at `model` judges what descends from the inputs at `of`: `circular` are the options where it
   * also wrote or chose something on the way there.
   */
  judges?: { model: string; of: string; circular(options: Options): Json }
  /** False where `run` works with rows and models of the run itself: then it never is a job elsewhere. */
  elsewhere?: false
  /** Corpora whose passages `run` will have encoded: on a cluster that is done ahead, in shares. */
  encodes?(context: Pick<StageContext<Options>, 'options' | 'inputs'>): Promise<readonly EncodedCorpus[]>
  cpus?(options: Options): number
  /** Which inputs hand down the corpus that ids resolve in. Default: all of them. */
  corpusFrom?(options: Options): readonly string[]
  /** Outputs as they would be: pure, bounded (200k rows, 2 s). */
  predict?(context: PlanContext<Options>): Promise<{ readonly [output: string]: PredictedOutput } | 'unknown'>
  estimate?(context: PlanContext<Options>): Promise<Estimate>
  /** Every row that running could ask for, further attempts included; undefined where inputs are not known. */
  rows?(context: PlanContext<Options>): Promise<readonly RowKey[] | undefined>
  /** Option that asks for CUDA, if one does: refused before anything runs where there is no card. */
  requiresCuda?(options: Options): string | undefined
  /** What it executes itself; of its models, the model blocks tell. A service stage that doesn't say is shown whole. */
  exposes?(options: Options): readonly Exposure[]
  run(context: StageContext<Options>): Promise<StageSummary>
}

/** A stage type on the main thread: its `run` gets the services too. */
export interface ServiceStageDefinition<Options = never> extends Omit<StageDefinition<Options>, 'run' | 'thread'> {
  thread: 'main'
  run(context: ServiceContext<Options>): Promise<StageSummary>
  /** It tells of each output by `keep`, and has no folders for them: its programs left them elsewhere. */
  keepsFiles?: true
  /** The input of the model that tasks start a server of: without one that is to be started, there are none. */
  taskModel?: string
  /** The part that runs as a task of an array, which `run` submits. */
  task?(context: TaskContext): Promise<void>
  /** The part that computes: called in a worker thread, where `run` asks for it. */
  compute?(context: StageContext<Options>, work: Json): Promise<StageSummary>
}

/** Either kind, with the options' type forgotten: what the engine holds. */
// biome-ignore lint/suspicious/noExplicitAny: a definition's options are checked by its own schema before any call
export type AnyStageDefinition = StageDefinition<any> | ServiceStageDefinition<any>

export type { DatasetFiles, DatasetPlace, Reading, RemotePart } from './data/place.ts'

/** A problem found in something that a pipeline names: a dataset, a model block, a prompt file. */
export interface Problem {
  message: string
  advice?: string
  /** Member of the block, or line of the file, that it is about. */
  at?: string
  line?: number
  column?: number
}

/** Everything that plugs into the engine; `stages/registry.ts` has the only one. */
export interface Registry {
  stages: { readonly [type: string]: AnyStageDefinition }
  /** JSON Schema of a member of `datasets:` and where its files lie. */
  datasets: {
    schema: OptionsSchema
    resolve(block: Json, folder: string): DatasetFiles | Problem
    /** What the beginning of a collection tells, for somebody who has no pipeline yet. */
    survey(block: Json, folder: string): Promise<Survey | Problem>
    /** What was fetched of a part, as it lies in the tools cache; undefined if it was not yet. */
    fetched?(part: RemotePart, tools: ToolsCache): { path: string; files?: readonly string[] } | undefined
    /** Brings a part into the tools cache, if it is not there. */
    fetch?(
      part: RemotePart,
      services: { tools: ToolsCache; signal: AbortSignal; tell(note: string): void },
    ): Promise<void>
    /** Texts of single passages or queries, for people to look at. */
    texts?(
      source: SourceFile,
      part: 'corpus' | 'queries',
      wanted: ReadonlySet<string>,
    ): Promise<ReadonlyMap<string, string>>
    /** Relevance by passage of single queries. */
    judgements?(
      source: SourceFile,
      wanted: ReadonlySet<string>,
    ): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>
  }
  /** JSON Schema of a member of `models:` and what of it decides answers. */
  models: {
    schema: OptionsSchema
    /** Identity for keys; `folder` is what paths in the block are relative to. */
    identity(block: Json, folder: string): CanonicalValue | Problem
    /** The graphics cards that its server needs, in the form of `resources.gpus`; undefined where the block says nothing. */
    gpus(block: Json): Json | undefined
    /** Whether it is a language model whose server is started. */
    isServed(block: Json): boolean
    /** What using it starts, contacts, downloads and reads. */
    exposes(block: Json): readonly Exposure[]
    /** Paths of the files of the model that the pipeline's author keeps. */
    files(block: Json, folder: string): readonly string[]
    /** What an encoder's block needs that this machine does not have. */
    missing(block: Json): Problem | undefined
    /** Brings the folder of an encoder here, in the form that stages read. */
    provide(
      encoder: { name: string; block: Json; folder: string },
      services: ProvideServices,
    ): Promise<readonly { path: string; location: string }[]>
    encoding: SharedEncoding
    /** Whether what a language model's block names can be reached from here; nothing is spent. */
    examine(name: string, block: Json, signal: AbortSignal): Promise<readonly Finding[]>
    /** How to start and watch the server of a `serve:` block; undefined for endpoints. */
    lease: LeaseModel
    /** Asks models for rows on behalf of a stage; `close` when the stage has ended. */
    asker(services: Pick<ServiceContext<never>, 'inputs' | 'models' | 'rows' | 'count' | 'drain' | 'signal'>): Promise<{
      ask: StageContext<never>['ask']
      close(): Promise<void>
    }>
  }
  prompts: {
    /** The prompt file's parsed value, or what is wrong with it. */
    parse(text: string, path: string): { value: Json } | { problems: readonly Problem[] }
  }
  /** What this machine has of the programs that stages start. */
  examine(signal: AbortSignal): Promise<readonly Finding[]>
  /** Without it, a pipeline can have none. */
  baselines?: Baselines
  /** What people are given to judge. */
  audits?(): Promise<Audits>
}
