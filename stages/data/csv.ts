import { Readable } from 'node:stream'
import { StageError } from '../define.ts'
import { lineBatches } from './lines.ts'
import type { Fields, Headless } from './records.ts'
import { named } from './tsv.ts'

const BATCH = 256
const MAX_RECORD_BYTES = 16 * 1024 * 1024

/** A record of csv-parse with `info: true`: its cells, and the line that it ends on. */
interface Parsed {
  record: string[]
  info: { lines: number }
}

/**
 * Rows of comma-separated values by RFC 4180: fields in quotes may hold the delimiter, line ends and doubled quotes.
 * Named by a header, or by their number of columns.
 */
export async function* csvBatches(
  chunks: AsyncIterable<Buffer>,
  shown: string,
  { delimiter, headless }: { delimiter: string; headless: Headless },
): AsyncGenerator<{ rows: Fields[]; lines: number[] }> {
  const { parse } = await import('csv-parse')
  const parser = parse({
    delimiter,
    info: true,
    // Rows of another width are told of in words of ours.
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: '\n',
    max_record_size: MAX_RECORD_BYTES,
  })
  const source = Readable.from(textOf(chunks, shown))
  source.on('error', (error) => parser.destroy(error))
  source.pipe(parser)
  let names: readonly string[] | undefined
  let rows: Fields[] = []
  let lines: number[] = []
  let last = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      const line = last + 1
      last = info.lines
      if (!names) {
        const isHeader = headless.isHeader(record)
        names = isHeader ? record.map((name) => name.trim()) : headless.names(record.length)
        if (isHeader) continue
      }
      rows.push(named(names, record, `${shown}:${line}`, headless))
      lines.push(line)
      if (rows.length < BATCH) continue
      yield { rows, lines }
      rows = []
      lines = []
    }
  } catch (error) {
    throw malformed(error, shown, last + 1)
  } finally {
    source.destroy()
    parser.destroy()
  }
  if (rows.length > 0) yield { rows, lines }
}

// Through lines, so that what is not UTF-8 is told with its line.
async function* textOf(chunks: AsyncIterable<Buffer>, shown: string): AsyncGenerator<string> {
  for await (const { texts } of lineBatches(chunks, shown)) yield `${texts.join('\n')}\n`
}

function malformed(error: unknown, shown: string, begun: number): unknown {
  const { code, lines } = error as { code?: string; lines?: number }
  const where = `${shown}:${lines ?? begun}`
  // Where the row begins that never ends.
  const opened = `${shown}:${begun}`
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return new StageError('a quote is opened and never closed', {
        where: opened,
        advice: 'A quote inside of a quoted field is written twice. Where quotes mean nothing, use a .tsv.',
      })
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE':
      return new StageError('a quote stands in the middle of a field', {
        where,
        advice: 'A field with quotes in it is written in quotes, and each of its own quotes twice.',
      })
    case 'CSV_MAX_RECORD_SIZE':
      return new StageError('a row is longer than 16 MiB', {
        where: opened,
        advice: 'Is a quote opened and never closed?',
      })
    default:
      return error
  }
}
