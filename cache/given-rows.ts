import type { CanonicalValue } from './canonical.ts'
import type { RowKey } from './digest.ts'
import { encodeRow } from './segment.ts'
import { asStoreError } from './store-error.ts'

/** An answer that is to be stored. */
interface GivenRow {
  key: RowKey
  json: string
  round: number
  /** What others have stored for it meanwhile. */
  stored(): { value: CanonicalValue } | undefined
}

/** A row as it is appended. */
export interface EncodedRow {
  key: RowKey
  round: number
  record: Buffer
}

/** A row as it is stored, and whether it was stored by this call. */
interface StoredRow {
  value: CanonicalValue
  isNew: boolean
}

interface WaitingRow extends GivenRow {
  resolve(stored: StoredRow): void
  reject(error: unknown): void
}

interface EncodedWaiting {
  row: WaitingRow
  encoded: EncodedRow
}

interface Target {
  folder: string
  /** Looks at what other processes stored. */
  look(): void
  /** Appends all of them or none; throws what the system says. */
  append(rows: readonly EncodedRow[]): void
}

/** Stores the answers that come in one turn of the event loop with one look at what others did and one write. */
export class GivenRows {
  readonly #target: Target
  #waiting: WaitingRow[] = []

  constructor(target: Target) {
    this.#target = target
  }

  /** Resolves with what is stored: what others stored meanwhile, or this answer once it is in the file. */
  add(row: GivenRow): Promise<StoredRow> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ ...row, resolve, reject }) === 1) setImmediate(() => this.write())
    })
  }

  /** Stores what was added so far, now. */
  write(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 0) return
    const fresh = new Map<RowKey, EncodedWaiting>()
    let hasLooked = false
    for (const row of waiting) {
      const { key, json, round } = row
      try {
        if (!hasLooked) this.#target.look()
        hasLooked = true
        // Where a row is asked for in two rounds at once, the second gets the answer of the first if that counts for it.
        if (fresh.has(key)) this.#append(fresh)
        const found = row.stored()
        if (found) row.resolve({ value: found.value, isNew: false })
        else fresh.set(key, { row, encoded: { key, round, record: encodeRow(key, json, round) } })
      } catch (error) {
        this.#fail(row, error)
      }
    }
    this.#append(fresh)
  }

  #append(fresh: Map<RowKey, EncodedWaiting>): void {
    const rows = [...fresh.values()]
    fresh.clear()
    if (rows.length === 0 || this.#appended(rows) === undefined) return
    // A disk that has no room for all of them may have it for some.
    for (const row of rows) {
      const failure = this.#appended([row])
      if (failure) this.#fail(row.row, failure.error)
    }
  }

  /** Undefined if it went well. */
  #appended(rows: readonly EncodedWaiting[]): { error: unknown } | undefined {
    try {
      this.#target.append(rows.map(({ encoded }) => encoded))
    } catch (error) {
      return { error }
    }
    // What was stored is given back, so that a new answer and a stored one can't differ.
    for (const { row } of rows) row.resolve({ value: JSON.parse(row.json) as CanonicalValue, isNew: true })
    return undefined
  }

  #fail({ json, reject }: WaitingRow, error: unknown): void {
    reject(asStoreError(error, 'an answer', this.#target.folder, Buffer.byteLength(json)))
  }
}
