import { open } from 'node:fs/promises'
import { type Json, StageError } from '../define.ts'
import { openBytes } from './bytes.ts'
import { lineBatches } from './lines.ts'

/**
 * Rows of a JSON Lines file, streamed, each an object; blank lines are skipped. Malformed rows are a StageError with
 * `file:line`. The type is the caller's claim: check members before trusting them.
 */
export async function* readJsonl<Row extends { [name: string]: Json }>(
  location: string,
  shown: string = location,
): AsyncGenerator<{ row: Row; line: number }> {
  for await (const { rows, lines } of jsonBatches(openBytes(location, shown), shown))
    for (const [i, row] of rows.entries()) yield { row: row as Row, line: lines[i] as number }
}

/**
 * Objects of JSON Lines, as many at once as came together, and the lines that they stand on. Rows that are not `wanted`,
 * by their number in the file from 0, are not even parsed. `firstLine` is the number of the first line.
 */
export async function* jsonBatches(
  chunks: AsyncIterable<Buffer>,
  shown: string,
  wanted?: (row: number) => boolean,
  firstLine = 1,
): AsyncGenerator<{ rows: { [name: string]: Json }[]; lines: number[] }> {
  let row = 0
  for await (const { texts, first } of lineBatches(chunks, shown, firstLine)) {
    const rows: { [name: string]: Json }[] = []
    const lines: number[] = []
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i] as string
      if (text === '' || text.trim() === '' || (wanted && !wanted(row++))) continue
      rows.push(parseRow(text, shown, first + i))
      lines.push(first + i)
    }
    yield { rows, lines }
  }
}

function parseRow(text: string, shown: string, line: number): { [name: string]: Json } {
  let row: Json
  try {
    row = JSON.parse(text)
  } catch (error) {
    throw new StageError(`malformed JSON: ${(error as Error).message}`, {
      where: `${shown}:${line}`,
      advice: 'Each line must be one whole JSON object. Was the file cut, or is it one large array?',
    })
  }
  if (row === null || typeof row !== 'object' || Array.isArray(row))
    throw new StageError('a row must be a JSON object', {
      where: `${shown}:${line}`,
      advice: 'Rows look like {"_id": "7", "text": "..."}.',
    })
  return row
}

/** Writes JSON Lines with few system calls; members in the order given, so equal rows are equal bytes. */
export interface JsonlWriter {
  write(row: object): Promise<void>
  /** The same of many rows, faster. */
  writeAll(rows: readonly object[]): Promise<void>
  /** Writes rows that are lines already, in UTF-8; the bytes must not change until the file is closed. */
  writeLines(lines: Uint8Array, rows: number): Promise<void>
  /** Rows written so far. */
  readonly rows: number
  close(): Promise<void>
}

const FLUSH_CHARACTERS = 1 << 18

/** Creates the file (it must not exist) and returns its writer. */
export async function writeJsonl(location: string): Promise<JsonlWriter> {
  const file = await open(location, 'wx')
  /** Lines given as bytes, and behind them those that are texts still. */
  let pieces: Uint8Array[] = []
  let pieceBytes = 0
  let buffer = ''
  let rows = 0
  const flush = async (): Promise<void> => {
    const text = buffer
    const before = pieces
    buffer = ''
    pieces = []
    pieceBytes = 0
    if (before.length > 0) await file.writeFile(Buffer.concat(before))
    if (text !== '') await file.writeFile(text)
  }
  return {
    async write(row) {
      buffer += `${rowText(row)}\n`
      rows++
      if (buffer.length > FLUSH_CHARACTERS) await flush()
    },
    async writeAll(some) {
      for (const row of some) {
        buffer += `${rowText(row)}\n`
        rows++
        if (buffer.length > FLUSH_CHARACTERS) await flush()
      }
    },
    async writeLines(lines, some) {
      if (buffer !== '') await flush()
      if (lines.length > 0) pieces.push(lines)
      pieceBytes += lines.length
      rows += some
      if (pieceBytes > FLUSH_CHARACTERS) await flush()
    },
    get rows() {
      return rows
    },
    async close() {
      await flush()
      await file.close()
    },
  }
}

/** What a text may hold that does not stand in JSON as it is; halves of surrogate pairs don't. */
const ESCAPED = /["\\\p{Cc}\p{Cs}]/u
const MEMBERS = new Map<string, string>()
const MOST_MEMBERS = 1024

/** The row as `JSON.stringify` has it, faster: most texts need no escapes, and names of members come again. */
export function rowText(row: object): string {
  let text = ''
  for (const name in row) {
    const value: unknown = row[name as keyof typeof row]
    const written = typeof value === 'string' && !ESCAPED.test(value) ? `"${value}"` : JSON.stringify(value)
    if (written !== undefined) text += (text === '' ? '{' : ',') + memberText(name) + written
  }
  return text === '' ? '{}' : `${text}}`
}

function memberText(name: string): string {
  let text = MEMBERS.get(name)
  if (text === undefined) {
    text = `${JSON.stringify(name)}:`
    if (MEMBERS.size < MOST_MEMBERS) MEMBERS.set(name, text)
  }
  return text
}
