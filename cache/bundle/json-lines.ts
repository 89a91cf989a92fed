import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Longest line that is read: a stored answer may have 64 MiB. */
const MAX_LINE_BYTES = 65 << 20
const LINE_FEED = 10

/** Writes values as lines of JSON; gives how many. */
export async function writeJsonLines(
  path: string,
  values: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<number> {
  const out: FileHandle = await open(path, 'wx', 0o600)
  let count = 0
  try {
    for await (const value of values) {
      await out.appendFile(`${JSON.stringify(value)}\n`)
      count++
    }
  } finally {
    await out.close()
  }
  return count
}

/** The lines of a file one after the other, without their ends; undefined, and then no more, for one that is too long. */
export async function* readLines(path: string): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = []
  let length = 0
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
      parts.push(piece.subarray(from, at))
      yield Buffer.concat(parts).toString('utf8')
      parts = []
      length = 0
      from = at + 1
    }
    if (from < piece.length) {
      parts.push(piece.subarray(from))
      length += piece.length - from
    }
    if (length > MAX_LINE_BYTES) {
      yield undefined
      return
    }
  }
  if (length > 0) yield Buffer.concat(parts).toString('utf8')
}
