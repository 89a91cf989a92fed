import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import type { Json } from '../define.ts'
import { StageError } from '../define.ts'

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
/** No row of a collection is longer; a file without line ends is refused instead of filling the memory. */
const MAX_LINE_BYTES = 16 * 1024 * 1024

/** A line of a text file and its number, from 1. */
export interface Line {
  text: string
  number: number
}

/**
 * Lines of a UTF-8 file, streamed; `.gz` by suffix. Invalid UTF-8 and lines over 16 MiB are a StageError with
 * `file:line`. `shown` is the path that people see.
 */
export async function* readLines(location: string, shown: string = location): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const raw = createReadStream(location, { highWaterMark: 1 << 20 })
  const bytes = shown.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  raw.on('error', (error) => bytes.destroy(error))
  let rest: Buffer[] = []
  let restBytes = 0
  let number = 0
  const decode = (line: Buffer): Line => {
    number++
    const end = line.length > 0 && line[line.length - 1] === CARRIAGE_RETURN ? line.length - 1 : line.length
    try {
      const text = decoder.decode(line.subarray(0, end))
      return { text: number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text, number }
    } catch {
      throw new StageError('not valid UTF-8', { where: `${shown}:${number}`, advice: 'Save the file as UTF-8.' })
    }
  }
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      let start = 0
      for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const piece = chunk.subarray(start, end)
        yield decode(rest.length > 0 ? Buffer.concat([...rest, piece]) : piece)
        rest = []
        restBytes = 0
        start = end + 1
      }
      if (start < chunk.length) {
        rest.push(chunk.subarray(start))
        restBytes += chunk.length - start
        if (restBytes > MAX_LINE_BYTES)
          throw new StageError('a line is longer than 16 MiB', {
            where: `${shown}:${number + 1}`,
            advice: 'Is this really a file with one row a line?',
          })
      }
    }
    if (restBytes > 0) yield decode(Buffer.concat(rest))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (error instanceof StageError || code === undefined) throw error
    throw new StageError(code === 'ENOENT' ? 'no such file' : `can't be read (${code})`, { where: shown, cause: error })
  } finally {
    raw.destroy()
  }
}

/**
 * Rows of a JSON Lines file, streamed, each an object; blank lines are skipped. Malformed rows are a StageError with
 * `file:line`. The type is the caller's claim: check members before trusting them.
 */
export async function* readJsonl<Row extends { [name: string]: Json }>(
  location: string,
  shown: string = location,
): AsyncGenerator<{ row: Row; line: number }> {
  for await (const { text, number } of readLines(location, shown)) {
    if (text.trim() === '') continue
    let row: Json
    try {
      row = JSON.parse(text)
    } catch (error) {
      throw new StageError(`malformed JSON: ${(error as Error).message}`, { where: `${shown}:${number}` })
    }
    if (row === null || typeof row !== 'object' || Array.isArray(row))
      throw new StageError('a row must be a JSON object', { where: `${shown}:${number}` })
    yield { row: row as Row, line: number }
  }
}

/** Writes JSON Lines with few system calls; members in the order given, so equal rows are equal bytes. */
export interface JsonlWriter {
  write(row: object): Promise<void>
  /** Rows written so far. */
  readonly rows: number
  close(): Promise<void>
}

const FLUSH_CHARACTERS = 1 << 18

/** Creates the file (it must not exist) and returns its writer. */
export async function writeJsonl(location: string): Promise<JsonlWriter> {
  const file = await open(location, 'wx')
  let buffer: string[] = []
  let characters = 0
  let rows = 0
  const flush = async (): Promise<void> => {
    const text = buffer.join('')
    buffer = []
    characters = 0
    if (text !== '') await file.writeFile(text)
  }
  return {
    async write(row) {
      const line = `${JSON.stringify(row)}\n`
      buffer.push(line)
      characters += line.length
      rows++
      if (characters > FLUSH_CHARACTERS) await flush()
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
