import { isAscii, isUtf8 } from 'node:buffer'
import { StageError } from '../define.ts'
import { openBytes } from './bytes.ts'

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
/** No row of a collection is longer; a file without line ends is refused instead of filling the memory. */
const MAX_LINE_BYTES = 16 * 1024 * 1024

/** A line of a text file and its number, from 1. */
export interface Line {
  text: string
  number: number
}

/** Lines that follow one another; the first has the number `first`. */
export interface LineBatch {
  texts: readonly string[]
  first: number
}

/**
 * Lines of a UTF-8 file, streamed; `.gz` by suffix. Invalid UTF-8 and lines over 16 MiB are a StageError with
 * `file:line`. `shown` is the path that people see.
 */
export async function* readLines(location: string, shown: string = location): AsyncGenerator<Line> {
  for await (const { texts, first } of lineBatches(openBytes(location, shown), shown))
    for (const [i, text] of texts.entries()) yield { text: isolated(text), number: first + i }
}

/**
 * Lines of UTF-8 bytes, as many at once as came together; memory is that of one piece. A text may share its memory with
 * the others of its batch: what is kept of it for longer must be copied (`isolated`, or by a parser that does so).
 */
export async function* lineBatches(
  chunks: AsyncIterable<Buffer>,
  shown: string,
  firstLine = 1,
): AsyncGenerator<LineBatch> {
  let rest: Buffer[] = []
  let restBytes = 0
  let first = firstLine
  const batch = (block: Buffer): LineBatch => {
    const texts = decoded(block, shown, first)
    if (first === 1 && texts[0]?.startsWith('\ufeff')) texts[0] = texts[0].slice(1)
    const found = { texts, first }
    first += texts.length
    return found
  }
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE)
    if (end !== -1) {
      const whole = chunk.subarray(0, end)
      yield batch(rest.length > 0 ? Buffer.concat([...rest, whole]) : whole)
      rest = []
      restBytes = 0
    }
    if (end + 1 === chunk.length) continue
    rest.push(chunk.subarray(end + 1))
    restBytes += chunk.length - end - 1
    if (restBytes > MAX_LINE_BYTES)
      throw new StageError('a line is longer than 16 MiB', {
        where: `${shown}:${first}`,
        advice: 'Is this really a file with one row a line?',
      })
  }
  if (restBytes > 0) yield batch(Buffer.concat(rest))
}

/** The same text in memory of its own. */
export function isolated(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

function decoded(block: Buffer, shown: string, first: number): string[] {
  if (!isUtf8(block)) {
    let line = first
    let start = 0
    for (let end = block.indexOf(NEWLINE); end !== -1 && isUtf8(block.subarray(start, end)); line++) {
      start = end + 1
      end = block.indexOf(NEWLINE, start)
    }
    throw new StageError('not valid UTF-8', { where: `${shown}:${line}`, advice: 'Save the file as UTF-8.' })
  }
  const texts = block.toString(isAscii(block) ? 'latin1' : 'utf8').split('\n')
  if (block.includes(CARRIAGE_RETURN))
    for (const [i, text] of texts.entries()) if (text.endsWith('\r')) texts[i] = text.slice(0, -1)
  return texts
}
