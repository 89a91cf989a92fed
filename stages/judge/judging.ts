import type { Agreement } from './agreement.ts'
import type { Holes } from './holes.ts'

/** What is known of a pair of the pool; a grade is null where nobody gave one. */
export type JudgedPair = {
  query_id: string
  passage_id: string
  /** The key of the texts, by which judgements are kept. */
  pair: string
  query: string
  title: string
  text: string
  /** The best rank that a run gave it, and how many runs have it among their first. */
  rank: number
  runs: number
  grade: number | null
  by: 'hand' | 'llm' | null
  llm: number | null
  hand: number | null
}

/** What an evaluation should know of the judgements that it counts by: `judging.json`. */
export type Judging = {
  schema: 1
  queries: number
  pairs: number
  judged: number
  by_hand: number
  by_llm: number
  relevant: number
  relevant_from: number
  /** The model that judged also wrote or chose what systems learned from. */
  circular: boolean
  agreement: Agreement | null
  holes: Holes[]
}
