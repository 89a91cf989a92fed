import { readFile } from 'node:fs/promises'
import type { ActionRecord } from '../../cache/action-log.ts'
import type { Store } from '../../cache/store.ts'

/** What one system scores more than another, as an `analysis` stage tested it. */
export interface AnalysedContrast {
  a: string
  b: string
  difference: number
  low: number
  high: number
  /** Adjusted for the contrasts of the collection. */
  p: number
  queries: number
  replicates: number
}

/** From which value of an axis on more of it brings no more than `delta`; `undetermined` says why that can't be told. */
export interface AnalysedPlateau {
  system: string
  axis: string
  delta: number
  points: readonly { value: string; missing: number; bound: number }[]
  at?: string
  undetermined?: string
}

/** What augmentation brought to a retriever, beside how strong it was before. */
interface AnalysedRung {
  rung: string
  system: string
  before: number
  after: number
  gain: number
  ofHeadroom: number
}

export type Verdict = 'holds' | 'does not hold' | 'undetermined'

/** A difference that a claim speaks of: sums of systems, and between what it is claimed to lie. */
interface AnalysedDifference {
  plus: readonly string[]
  minus: readonly string[]
  metric: string
  above?: number
  below?: number
  /** With its 95 % interval over queries and trainings; undefined where one of the systems was not measured. */
  difference?: { mean: number; low: number; high: number }
  verdict: Verdict
  /** Why nothing can be said, where the interval alone is not the reason. */
  why?: string
}

/** What became of a claim on one collection. */
export interface AnalysedClaim {
  claim: string
  /** What the claim is one test of, where it says so. */
  finding?: string
  verdict: Verdict
  differences: readonly AnalysedDifference[]
}

/** One collection of an analysis. */
export interface AnalysedCollection {
  collection: string
  /** Whether passages of the searched collection were augmented. */
  setting: 'target-corpus' | 'other-corpus' | 'unknown'
  queries: number
  contrasts: readonly AnalysedContrast[]
  plateaus: readonly AnalysedPlateau[]
  ladder: readonly AnalysedRung[]
  /** Where findings were claimed. */
  claims?: readonly AnalysedClaim[]
}

/** What is read of `analysis.json`. */
export interface Analysis {
  schema: 1
  metrics: readonly string[]
  collections: readonly AnalysedCollection[]
}

/** The analysis among the outputs of a result; undefined if it has none, or its file is not stored whole. */
export async function analysisOf(
  { outputs }: Pick<ActionRecord, 'outputs'>,
  blobs: Pick<Store['blobs'], 'check' | 'locate'>,
): Promise<Analysis | undefined> {
  const output = Object.values(outputs).find(({ kind }) => kind === 'analysis')
  const file = output?.files.find(({ path }) => path === 'analysis.json')
  if (!file || blobs.check(file.blob, file.size) !== 'ok') return undefined
  return JSON.parse(await readFile(blobs.locate(file.blob), 'utf8')) as Analysis
}
