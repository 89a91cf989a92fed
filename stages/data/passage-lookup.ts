import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { loadXxh } from '../../cache/xxh.ts'
import type { Json, StageInput } from '../define.ts'
import { openBytes } from './bytes.ts'
import { Column } from './column.ts'
import { IdTable } from './id-table.ts'
import { jsonBatches, readJsonl } from './jsonl.ts'
import { FILES, fileOf, type Passage } from './rows.ts'

const NEWLINE = 0x0a
const REMEMBERED = 2048

/**
 * Passages of a `passages` or `pairs` artifact by id, with few of them in memory. Asked in the order of the file (as
 * pairs stand), it streams; asked in another order, it looks once where every row lies and reads single rows from then on.
 */
export class PassageLookup {
  readonly #location: string
  readonly #shown: string
  #stream: AsyncGenerator<{ rows: { [name: string]: Json }[] }> | undefined
  /** Rows that were read together, and the one among them that was found last. */
  #rows: readonly Passage[] = []
  #at = 0
  #index: { rows: IdTable; offsets: Column<Float64Array>; file: FileHandle } | undefined
  readonly #recent = new Map<string, Passage>()

  constructor(input: StageInput | undefined) {
    const file = fileOf(input, FILES.passages)
    this.#location = file.location
    this.#shown = FILES.passages
    this.#stream = jsonBatches(openBytes(this.#location, this.#shown), this.#shown)
  }

  /** The passage, if it is among those that were read last; otherwise `get` finds it. */
  here(id: string): Passage | undefined {
    for (; this.#at < this.#rows.length; this.#at++) {
      const passage = this.#rows[this.#at] as Passage
      if (passage._id === id) return passage
    }
    return undefined
  }

  async get(id: string): Promise<Passage | undefined> {
    for (;;) {
      const passage = this.here(id)
      if (passage) return passage
      const next = await this.#stream?.next()
      if (!next || next.done) break
      this.#rows = next.value.rows as Passage[]
      this.#at = 0
    }
    this.#stream = undefined
    return this.#random(id)
  }

  async close(): Promise<void> {
    await this.#stream?.return(undefined)
    await this.#index?.file.close()
  }

  async #random(id: string): Promise<Passage | undefined> {
    const known = this.#recent.get(id)
    if (known) return known
    this.#index ??= await indexRows(this.#location, this.#shown)
    const { rows, offsets, file } = this.#index
    const row = rows.get(id)
    if (row === undefined) return undefined
    const start = offsets.get(row)
    const bytes = Buffer.alloc(offsets.get(row + 1) - start)
    await file.read(bytes, 0, bytes.length, start)
    const passage = JSON.parse(bytes.toString('utf8')) as Passage
    if (this.#recent.size >= REMEMBERED) this.#recent.delete(this.#recent.keys().next().value as string)
    this.#recent.set(id, passage)
    return passage
  }
}

/** Byte offsets of all rows, and which row an id has. */
async function indexRows(
  location: string,
  shown: string,
): Promise<{ rows: IdTable; offsets: Column<Float64Array>; file: FileHandle }> {
  await loadXxh()
  const rows = new IdTable()
  const offsets = Column.floats()
  let end = 0
  const ends = Column.floats()
  for await (const chunk of createReadStream(location, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) ends.push(end + at + 1)
    end += chunk.length
  }
  if (ends.length === 0 || ends.get(ends.length - 1) < end) ends.push(end)
  let row = 0
  for await (const { row: passage, line } of readJsonl<Passage>(location, shown)) {
    offsets.set(row, line === 1 ? 0 : ends.get(line - 2))
    offsets.set(row + 1, ends.get(line - 1))
    rows.add(passage._id, row)
    row++
  }
  return { rows, offsets, file: await open(location) }
}
