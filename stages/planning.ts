import type { CanonicalValue } from '../cache/canonical.ts'
import type { RowKey } from '../cache/digest.ts'
import type { Memos } from '../cache/memos.ts'
import type { DatasetPart, Json, StageInput } from './define.ts'

/** Rows of an artifact in memory, as the stage would write them; `file` is the path inside the artifact. */
export type PredictedOutput = { readonly [file: string]: readonly Json[] }

/** What `predict` and `estimate` can look at: inputs that are there, or were predicted themselves. */
export interface PlanContext<Options> {
  options: Options
  /** Names of all inputs; a list over variants has one for each. */
  inputNames: readonly string[]
  /** The input if it is known by now. */
  input(name: string): StageInput | undefined
  /** Rows of a file of an artifact input, stored or predicted; undefined if not known, or too many (200k). */
  inputRows(name: string, file: string): Promise<readonly Json[] | undefined>
  /** Which of these rows the store has. */
  known(keys: readonly RowKey[]): Promise<ReadonlySet<RowKey>>
  /** What the store has of these rows. */
  stored(keys: readonly RowKey[]): Promise<ReadonlyMap<RowKey, CanonicalValue>>
  memos: Memos
  signal: AbortSignal
}

/** What a node would ask of language models. */
export interface Estimate {
  exact: boolean
  /** One key for each request of the node; equal keys of other nodes are counted once over a graph. */
  keys?: readonly RowKey[]
  /** Requests beside those of `keys`, whose rows can't be named yet: they depend on answers that are not there. */
  further?: number
  /** When the keys can't be known. */
  requests?: number
  tokens?: number
  /** What the tokens cost, if the model has prices. */
  money?: number
  /** What people should know before they pay for it. */
  notes?: readonly string[]
}

/** Labelled queries that a stage shows to a model: drawn in this way from the split bound at `input`. */
export interface Shown {
  input: string
  drawn: Json
  /** The pipeline's author knows that the split is measured on. */
  allowed: boolean
}

/** What a stage type may look at when the whole graph is known, but nothing has run. */
export interface Lineage {
  /** Names of the datasets whose corpus the given input descends from, sorted. */
  corpora(input: string): readonly string[]
  /**
   * The pairs that training upstream of the input was given, each once, by their places in it; of a filter's, what it
   * wrote.
   */
  pairs(input: string): readonly UpstreamPairs[]
  /** The dataset or split bound at this input. */
  dataset(input: string): { name: string; split?: string } | undefined
  /** The value of the prompt bound at this input. */
  prompt(input: string): Json | undefined
  /** Whether two names stand for datasets with one corpus: at the same place, or of the same name. */
  sameCorpus(a: string, b: string): boolean
  /** The splits that the dataset has judgements for. */
  splits(dataset: string): readonly string[]
}

/** An artifact of pairs, and the datasets whose passages they are about. */
export interface UpstreamPairs {
  node: string
  output: string
  corpora: readonly string[]
}

/** An input that the pipeline did not write but that follows from it, e.g. the corpus that ids resolve in. */
export type Implied =
  | { input: string; dataset: string; parts: readonly DatasetPart[]; split?: string }
  | { input: string; pairs: UpstreamPairs }
  | { error: string; at: string; advice?: string }
