import type { CanonicalValue } from '../cache/canonical.ts'
import type { RowKey } from '../cache/digest.ts'
import type { Json, StageInput } from './define.ts'

/** A query and a passage that a person is to judge. */
export interface AuditItem {
  /** The key of both texts. */
  pair: string
  query: string
  title: string
  text: string
  /** Labels of those that wrote the query: never shown to whoever judges. */
  by: readonly string[]
  /** Facts that a program can tell; undefined where nobody looked. */
  signals?: AuditSignals
  /** What language models said of it, as far as that is stored. */
  grades: readonly AuditGrade[]
}

/** What can be told of a query without judging it. */
export interface AuditSignals {
  /** Share of the query's runs of three words that stand in the passage. */
  copied: number
  /** Words of the query that the passage has in no form. */
  absent: readonly string[]
  /** Rank of the passage if BM25 searches for the query; null if it is not among the first `searched_to`. */
  rank: number | null
  searched_to: number
  /** Passages that were searched; 0 if there were too many. */
  searched: number
  /** Other pairs of the same writer with this query. */
  duplicates: number
}

/** A grade that a model gave, and who that is: its name in the pipeline and the name of the prompt's file. */
export interface AuditGrade {
  judge: string
  grade: number
}

/** An output that is looked at, and whose it is. */
export interface AuditSource {
  label: string
  input: StageInput
}

/** A node that may have asked a language model to judge. */
export interface AuditNode {
  options: Json
  input(name: string): StageInput | undefined
}

/** How queries and pools are sampled and looked at, for people to judge. */
export interface Audits {
  /** Written queries: the same passages of every source, as many queries of each; wording and order tell no source. */
  pairs(
    sources: readonly AuditSource[],
    wanted: { count: number; seed: number; signal: AbortSignal; progress(note: string): void },
  ): Promise<AuditItem[]>
  /** The pairs of pools, query by query, in an order that tells no rank. */
  pools(sources: readonly AuditSource[], wanted: { seed: number }): Promise<AuditItem[]>
  /** Of these queries, those that a source has: key of the pair, and its query. */
  keysOf(source: AuditSource, queries: ReadonlySet<string>): Promise<ReadonlySet<string>>
  /** Grades of these items that judges among the nodes gave, of their stored answers. */
  grades(
    items: readonly AuditItem[],
    nodes: Iterable<AuditNode>,
    stored: (keys: readonly RowKey[]) => Promise<ReadonlyMap<RowKey, CanonicalValue>>,
  ): Promise<ReadonlyMap<string, readonly AuditGrade[]>>
}
