import type { CanonicalValue } from './canonical.ts'
import type { RowKey } from './digest.ts'

/** One stored observation: the raw answer and where it came from, as JSON. */
export type RowValue = CanonicalValue

/** Where a row came from: the store, a request somebody else had in flight, or a new one. */
export type RowOrigin = 'stored' | 'shared' | 'new'

/**
 * Rows that were paid for. Append-only segments are the truth; the index over them can be rebuilt. A row is written
 * before `getOrRun` resolves and is on the disk at most a second later; a failed `run` stores nothing.
 */
export interface RowStore {
  /** Which of these keys are stored. */
  known(keys: readonly RowKey[]): Promise<ReadonlySet<RowKey>>
  /** The stored values of these keys; a damaged row is a miss for that row alone. */
  getMany(keys: readonly RowKey[]): Promise<ReadonlyMap<RowKey, RowValue>>
  /** The stored value, or that of a call in flight for the same key, or `run`'s, which is then stored. */
  getOrRun(key: RowKey, run: () => Promise<RowValue>): Promise<{ value: RowValue; origin: RowOrigin }>
  /** Resolves when every row given so far is on the disk. */
  flush(): Promise<void>
  close(): Promise<void>
}
