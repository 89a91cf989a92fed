import type { ArtifactFile, StageInput } from '../define.ts'

/** A passage of a collection; `doc_id` is the document that it is a chunk of, or its own id. */
export type Passage = { _id: string; doc_id: string; title: string; text: string }

/** A pseudo-query (or a labelled one) and the passage that it was made for. */
export type Pair = {
  _id: string
  passage_id: string
  query: string
  /** Which of the passage's queries it is, from 0. */
  sample: number
  /** Mean log-probability of the query's tokens, where the server gives it. */
  logprob?: number
}

/** A text that a model wrote to look like an answer to a pair's query, and that is none. */
export type Negative = { _id: string; pair_id: string; passage_id: string; text: string }

/** One example of training; `source` says where it came from (`synthetic`, `labelled`). */
export type TrainingRow = {
  anchor: string
  positive: string
  /** `negative_1`.. in order, if any. */
  [negative: `negative_${number}`]: string
  source: string
  /** Id of the positive passage and of the query, as their source names them. */
  query_id: string
  passage_id: string
}

/** Names of the files inside artifacts; a `pairs` artifact carries its passages and a manifest with it. */
export const FILES = {
  passages: 'passages.jsonl',
  pairs: 'pairs.jsonl',
  rejected: 'pairs.jsonl',
  negatives: 'negatives.jsonl',
  /** Ids of the labelled queries that a model may have been shown. */
  examples: 'examples.json',
  training: 'training.jsonl',
  scores: 'scores.json',
  queries: 'queries.jsonl',
  run: 'run.trec',
  qrels: 'qrels.tsv',
  /** Who judged, how far they agree, what was left unjudged. */
  judging: 'judging.json',
  /** Pairs of a query and a passage that were to be judged, with their grades. */
  pool: 'pool.jsonl',
} as const

/** The text that encoders read for a passage, in training and in evaluation alike (BEIR's rule). */
export function passageText(passage: { title: string; text: string }): string {
  return `${passage.title} ${passage.text}`.trim()
}

/** Narrows an input to an artifact; anything else is a bug of the caller, since the schema was checked. */
export function artifact(input: StageInput | undefined): Extract<StageInput, { type: 'artifact' }> {
  if (input?.type !== 'artifact') throw new Error(`expected an artifact, got ${input?.type}`)
  return input
}

/** The file of an artifact with this path. */
export function fileOf(input: StageInput | undefined, path: string): ArtifactFile {
  const file = artifact(input).files.find((candidate) => candidate.path === path)
  if (!file) throw new Error(`the artifact has no ${path}`)
  return file
}
