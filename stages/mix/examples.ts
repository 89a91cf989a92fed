import path from 'node:path'
import { hash64 } from '../../cache/xxh.ts'
import { Column } from '../data/column.ts'
import { HashColumn } from '../data/hash-column.ts'
import { TextSpool } from '../data/text-spool.ts'

/** A query and a passage that is to answer it, by their numbers. */
export interface Example {
  row: number
  passage: number
}

/** Whether somebody judged the pair, or a model made it. */
export type Kind = 'labelled' | 'synthetic'

/**
 * Pairs of all sources by row; queries lie in a scratch file, 22 bytes a pair stay in memory. `loadXxh()` must have been
 * awaited.
 */
export class Examples {
  readonly #queries: TextSpool
  readonly #ids: TextSpool
  readonly #sources = Column.integers()
  readonly #anchors = new HashColumn()
  readonly #passages = Column.integers()

  constructor(scratch: string) {
    this.#queries = new TextSpool(path.join(scratch, 'queries'))
    this.#ids = new TextSpool(path.join(scratch, 'query-ids'))
  }

  get size(): number {
    return this.#sources.length
  }

  add(example: { source: number; query_id: string; anchor: string; normalised: string; passage: number }): void {
    this.#sources.push(example.source)
    this.#anchors.push(hash64(example.normalised))
    this.#passages.push(example.passage)
    this.#ids.add(example.query_id)
    this.#queries.add(example.anchor)
  }

  /** Index of the row's source among the stage's sources. */
  source(row: number): number {
    return this.#sources.get(row)
  }

  /** XXH64 of the anchor in the form in which anchors are compared. */
  anchorKey(row: number): bigint {
    return this.#anchors.get(row)
  }

  /** The passage that the source has for the query. */
  passage(row: number): number {
    return this.#passages.get(row)
  }

  anchor(row: number): string {
    return this.#queries.get(row)
  }

  queryId(row: number): string {
    return this.#ids.get(row)
  }

  *all(): Generator<Example> {
    for (let row = 0; row < this.size; row++) yield { row, passage: this.passage(row) }
  }

  /** Rows in the order of their anchors' keys, so that rows of one anchor stand side by side. */
  byAnchor(): Uint32Array {
    return this.#anchors.order()
  }

  close(): void {
    this.#queries.close()
    this.#ids.close()
  }
}
