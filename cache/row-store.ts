import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { CanonicalValue } from './canonical.ts'
import { type Claims, openClaims } from './claims.ts'
import { hexOf, type RowKey } from './digest.ts'
import { FolderNames } from './folder-names.ts'
import { type EncodedRow, GivenRows } from './given-rows.ts'
import { KEY_BYTES, keyAt } from './packed-keys.ts'
import { type LocatedRows, locatedRows, neighbours, valueAt, type WantedRow } from './read-rows.ts'
import { RecentRows } from './recent-rows.ts'
import { comparePlaces, RowIndex, type RowPlace } from './row-index.ts'
import { type RowTurn, rowTurn } from './row-turn.ts'
import { LONGEST_RECORD, ROUND_BYTES, roundOf, scanRows } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'
import { SegmentWriter } from './segment-writer.ts'
import { asStoreError } from './store-error.ts'
import { turns } from './turns.ts'

/** One stored observation: the raw answer and where it came from, as JSON. */
export type RowValue = CanonicalValue

/** Where a row came from: the store, a request that another call had in flight, or a new one. */
type RowOrigin = 'stored' | 'shared' | 'new'

/**
 * Rows that were paid for. Append-only segments are the truth; the index over them can be rebuilt. A row is written
 * before `getOrRun` resolves and is on the disk at most a second later; a failed `run` stores nothing.
 *
 * A row may be observed again, in a later round; nothing is ever overwritten. The observation of the highest round
 * counts. Where a round is given, only rows of that round or a later one count as stored.
 */
export interface RowStore {
  /** Which of these keys are stored. */
  known(keys: readonly RowKey[], round?: number): Promise<ReadonlySet<RowKey>>
  /** The stored values of these keys; a damaged row is a miss for that row alone. */
  getMany(keys: readonly RowKey[], round?: number): Promise<ReadonlyMap<RowKey, RowValue>>
  /**
   * Where all of these rows are stored, for somebody who reads them elsewhere; undefined if one of them is not. The keys
   * stand one behind the other.
   */
  locate?(keys: Buffer, round?: number): Promise<LocatedRows | undefined>
  /**
   * The stored value, or that of a call in flight for the same key, or `run`'s, which is then stored. What costs, `run`
   * does in its turn among processes; it brings nothing if it was told that the row is stored.
   */
  getOrRun(
    key: RowKey,
    run: (turn: RowTurn) => Promise<RowValue | undefined>,
    round?: number,
  ): Promise<{ value: RowValue; origin: RowOrigin }>
  /** The highest round of any stored row; 0 as long as nothing was asked for again. */
  lastRound(): number
  /** Resolves when every row given so far is on the disk. */
  flush(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the rows below `folder`, which is made when the first row is stored. Nothing is read before the first call.
 * Several processes may use one folder: each appends to a segment of its own and sees what the others appended. Of
 * several answers of one round that are stored for one key, the first in the order of segments counts, for everybody.
 * `claims` are closed with the store.
 */
export function openRowStore(
  folder: string,
  claims: Claims = openClaims(join(folder, 'claims'), { brief: true }),
): RowStore {
  return new SegmentRowStore(folder, claims)
}

const INDEX = 'rows.idx'
/** Rows outside the index that are worth writing it anew, beside one in ten of those inside. */
const WORTH_INDEXING = 1000
const SHARE_WORTH_INDEXING = 0.1
/** They take some 300 bytes each as long as they are outside, however many there are inside. */
const MOST_OUTSIDE = 200_000
const SCAN_BYTES = 16 << 20

/** What is known of a segment. */
interface SegmentState {
  /** Bytes that were scanned or that the index covers. */
  covered: number
  /** Nothing will be added to it. */
  sealed: boolean
  /** The highest round of its rows. */
  round: number
}

class SegmentRowStore implements RowStore {
  readonly #folder: string
  readonly #claims: Claims
  readonly #reader: SegmentReader
  readonly #writer: SegmentWriter
  readonly #segments = new Map<string, SegmentState>()
  readonly #inFlight = new Map<RowKey, { round: number; row: Promise<{ value: RowValue; origin: RowOrigin }> }>()
  /** Places that turned out to be damaged after they were indexed. */
  readonly #damaged = new Set<string>()
  #lastRound = 0
  readonly #names: FolderNames
  #index: RowIndex | undefined
  /** Rows that the index doesn't cover. */
  #recent = new RecentRows()
  /** False once it could not be written: trying again and again would be slow. */
  #isIndexWritable = true
  /** When it was last looked whether other processes stored rows. */
  #looked = Number.NEGATIVE_INFINITY
  readonly #given: GivenRows

  constructor(folder: string, claims: Claims) {
    this.#folder = folder
    this.#claims = claims
    this.#names = new FolderNames(folder, '.seg')
    this.#reader = new SegmentReader(folder)
    this.#writer = new SegmentWriter(folder)
    this.#given = new GivenRows({
      folder,
      look: () => this.#refresh(),
      append: (rows) => this.#append(rows),
    })
  }

  async known(keys: readonly RowKey[], round = 0): Promise<ReadonlySet<RowKey>> {
    this.#refresh()
    const found = new Set<RowKey>()
    const turn = turns()
    for (const key of keys) {
      if (this.#isKnown(key, round)) found.add(key)
      if (turn.isOver()) await turn.next()
    }
    return found
  }

  async getMany(keys: readonly RowKey[], round = 0): Promise<ReadonlyMap<RowKey, RowValue>> {
    this.#refresh()
    const wanted: WantedRow[] = []
    // In the order of the keys, whatever the order of places.
    const values = new Map<RowKey, RowValue | undefined>()
    for (const key of keys) {
      if (values.has(key)) continue
      const place = this.#places(key, round)[0]
      if (!place) continue
      wanted.push({ segment: place.segment, offset: place.offset, length: place.length, key })
      values.set(key, undefined)
    }
    const turn = turns()
    for (const near of neighbours(wanted)) {
      for (const key of this.#readNear(near, values, round)) values.delete(key)
      if (turn.isOver()) await turn.next()
    }
    return values as Map<RowKey, RowValue>
  }

  async locate(keys: Buffer, round = 0): Promise<LocatedRows | undefined> {
    this.#refresh()
    const places: RowPlace[] = []
    for (let at = 0; at < keys.length; at += KEY_BYTES) {
      const place = this.#firstPlace(keys, at, round)
      if (!place) return undefined
      places.push(place)
    }
    return locatedRows(this.#folder, keys, places)
  }

  async getOrRun(
    key: RowKey,
    run: (turn: RowTurn) => Promise<RowValue | undefined>,
    round = 0,
  ): Promise<{ value: RowValue; origin: RowOrigin }> {
    const flying = this.#inFlight.get(key)
    if (flying !== undefined && flying.round >= round) {
      const { value, origin } = await flying.row
      return { value, origin: origin === 'stored' ? origin : 'shared' }
    }
    if (!this.#index) this.#refresh()
    const stored = this.#stored(key, round)
    if (stored) return { value: stored.value, origin: 'stored' }
    const flight = { round, row: this.#run(key, run, round) }
    this.#inFlight.set(key, flight)
    try {
      return await flight.row
    } finally {
      // A call of a later round may have taken the place.
      if (this.#inFlight.get(key) === flight) this.#inFlight.delete(key)
    }
  }

  lastRound(): number {
    this.#refresh()
    return this.#lastRound
  }

  async flush(): Promise<void> {
    this.#given.write()
    try {
      await this.#writer.flush()
    } catch (error) {
      throw asStoreError(error, 'rows', this.#folder)
    }
  }

  async close(): Promise<void> {
    this.#given.write()
    try {
      await this.#writer.close()
    } catch (error) {
      throw asStoreError(error, 'rows', this.#folder)
    } finally {
      this.#claims.close()
      if (this.#index) this.#refresh()
      this.#index?.close()
      this.#reader.close()
    }
  }

  // Other processes may store the row meanwhile: whoever takes a turn is told so then, everybody when it is to be stored.
  async #run(
    key: RowKey,
    run: (turn: RowTurn) => Promise<RowValue | undefined>,
    round: number,
  ): Promise<{ value: RowValue; origin: RowOrigin }> {
    // Who asks again does not wait for those who ask for the first time.
    const name = round === 0 ? hexOf(key) : `${hexOf(key)}.${round}`
    const index = this.#index
    const turn = rowTurn(name, this.#claims, () => {
      // Nobody was there who could have stored it since the last look.
      if (this.#claims.aloneSince() > this.#looked) this.#refresh()
      return this.#storedSince(key, round, index) !== undefined
    })
    try {
      const made = await run(turn)
      if (made !== undefined) {
        const stored = (): { value: RowValue } | undefined => this.#storedSince(key, round, index)
        const { value, isNew } = await this.#given.add({ key, json: JSON.stringify(made), round, stored })
        return { value, origin: isNew || turn.wasTaken ? 'new' : 'stored' }
      }
      this.#refresh()
      const stored = this.#storedSince(key, round, index)
      if (!stored) throw new Error('a row was neither asked for nor stored')
      return { value: stored.value, origin: 'stored' }
    } finally {
      turn.pass()
    }
  }

  /** Appends rows that nobody has stored, all or none. */
  #append(rows: readonly EncodedRow[]): void {
    const places = this.#writer.appendAll(rows.map(({ record }) => record))
    for (const [i, { key, round }] of rows.entries()) {
      const place = places[i] as RowPlace
      this.#recent.add(key, place)
      const highest = Math.max(this.#segments.get(place.segment)?.round ?? 0, round)
      this.#segments.set(place.segment, { covered: place.offset + place.length, sealed: false, round: highest })
      this.#lastRound = Math.max(this.#lastRound, round)
    }
  }

  /** What is stored of a key that was not when the index was `before`: as long as it is the same, only later rows can be. */
  #storedSince(key: RowKey, round: number, before: RowIndex | undefined): { value: RowValue } | undefined {
    return this.#index === before && !this.#recent.places.has(key) ? undefined : this.#stored(key, round)
  }

  #stored(key: RowKey, round: number): { value: RowValue } | undefined {
    for (const place of this.#places(key, round)) {
      const value = this.#decode(key, place, this.#reader.read(place.segment, place.offset, place.length))
      if (value) return value
    }
    return undefined
  }

  /** Gives back the keys of which nothing whole is stored. */
  #readNear(near: readonly WantedRow[], values: Map<RowKey, RowValue | undefined>, round: number): RowKey[] {
    const [first, last] = [near[0], near.at(-1)]
    if (!first || !last) return []
    const bytes = this.#reader.read(first.segment, first.offset, last.offset + last.length - first.offset)
    const lost: RowKey[] = []
    for (const row of near) {
      const found = this.#decode(row.key, row, bytes, row.offset - first.offset) ?? this.#stored(row.key, round)
      if (found) values.set(row.key, found.value)
      else lost.push(row.key)
    }
    return lost
  }

  #decode(key: RowKey, place: RowPlace, bytes: Buffer, start = 0): { value: RowValue } | undefined {
    const value = valueAt(bytes, key, start, place.length)
    if (value !== undefined) return { value }
    this.#damaged.add(`${place.segment}:${place.offset}`)
    return undefined
  }

  #isKnown(key: RowKey, round: number): boolean {
    if (round === 0 && this.#damaged.size === 0 && (this.#recent.places.has(key) || this.#index?.has(key))) return true
    return this.#places(key, round).length > 0
  }

  /** Where a key is stored since a round, the last round first; the first place that is not damaged counts. */
  #places(key: RowKey, round: number): RowPlace[] {
    const places = this.#undamaged(key)
    // As long as nothing was asked for again, nobody pays for the question.
    if (places.length === 0 || this.#lastRound === 0) return round > 0 ? [] : places
    if (round === 0 && places.length === 1) return places
    return places
      .map((place) => ({ place, round: this.#roundAt(place) }))
      .filter((found) => found.round >= round)
      .sort((a, b) => b.round - a.round)
      .map(({ place }) => place)
  }

  /** The first of the places of the key that stands at a byte of many; most keys are in the index alone. */
  #firstPlace(keys: Buffer, at: number, round: number): RowPlace | undefined {
    const isPlain = round === 0 && this.#lastRound === 0 && this.#damaged.size === 0
    if (isPlain && !this.#recent.mayHave(keys, at)) return this.#index?.first(keys, at)
    return this.#places(keyAt(keys, at), round)[0]
  }

  #roundAt({ segment, offset }: RowPlace): number {
    if (!this.#segments.get(segment)?.round) return 0
    return roundOf(this.#reader.read(segment, offset, ROUND_BYTES))
  }

  #undamaged(key: RowKey): RowPlace[] {
    const indexed = this.#index?.find(key) ?? []
    const recent = this.#recent.places.get(key)
    const places = recent ? [...indexed, ...recent].sort(comparePlaces) : indexed
    if (this.#damaged.size === 0) return places
    return places.filter(({ segment, offset }) => !this.#damaged.has(`${segment}:${offset}`))
  }

  #refresh(): void {
    this.#looked = performance.now()
    const names = this.#names.list()
    this.#index ??= this.#openIndex(new Set(names))
    for (const name of names) {
      const state = this.#segments.get(name)
      if (!state?.sealed && name !== this.#writer.name) this.#scan(name, state?.covered ?? 0)
    }
    const worthIndexing = Math.max(WORTH_INDEXING, this.#index.size * SHARE_WORTH_INDEXING)
    if (this.#isIndexWritable && this.#recent.rows > Math.min(worthIndexing, MOST_OUTSIDE)) this.#writeIndex()
  }

  // A segment only ever grows: one that is shorter than the index knows it, or gone, makes the index worthless.
  #openIndex(names: ReadonlySet<string>): RowIndex {
    const index = RowIndex.read(join(this.#folder, INDEX))
    const fits = index?.segments.every(({ name, covered }) => names.has(name) && this.#sizeOf(name) >= covered)
    if (!index || !fits) {
      index?.close()
      return RowIndex.empty()
    }
    for (const { name, covered, sealed, round = 0 } of index.segments) {
      this.#segments.set(name, { covered, sealed, round })
      this.#lastRound = Math.max(this.#lastRound, round)
    }
    return index
  }

  #writeIndex(): void {
    const segments = [...this.#segments].map(([name, state]) => ({ name, ...state }))
    segments.sort((a, b) => (a.name < b.name ? -1 : 1))
    try {
      const before = this.#index
      this.#index = before?.extend(this.#recent.places, segments, join(this.#folder, INDEX))
      before?.close()
      this.#recent = new RecentRows()
    } catch {
      // The rows stay in memory, and the next process scans for them.
      this.#isIndexWritable = false
    }
  }

  #scan(segment: string, from: number): void {
    const size = this.#sizeOf(segment)
    if (size <= from) return
    const state: SegmentState = { covered: from, sealed: false, round: this.#segments.get(segment)?.round ?? 0 }
    this.#segments.set(segment, state)
    for (let room = SCAN_BYTES; state.covered < size; ) {
      const start = state.covered
      const bytes = this.#reader.read(segment, start, Math.min(room, size - start))
      const { used, sealed } = scanRows(bytes, ({ key, offset, length, round }) => {
        this.#recent.add(key, { segment, offset: start + offset, length })
        state.round = Math.max(state.round, round)
      })
      state.covered += used
      state.sealed ||= sealed
      this.#lastRound = Math.max(this.#lastRound, state.round)
      if (bytes.length < room) break
      if (used > 0) continue
      // No record begins in the first half of a stretch that twice the longest record fits in.
      if (room > 2 * LONGEST_RECORD) state.covered += room >> 1
      else room *= 2
    }
  }

  #sizeOf(segment: string): number {
    return statSync(join(this.#folder, segment), { throwIfNoEntry: false })?.size ?? 0
  }
}
