import { StageError } from '../define.ts'
import { isolated, lineBatches } from './lines.ts'
import type { Fields, Headless } from './records.ts'

/**
 * Rows of tab-separated lines, without quoting, as MS MARCO and TREC write them; named by a header, or by their number
 * of columns. TREC's four columns of judgements may be separated by blanks.
 */
export async function* tsvBatches(
  chunks: AsyncIterable<Buffer>,
  shown: string,
  headless: Headless,
): AsyncGenerator<{ rows: Fields[]; lines: number[] }> {
  let names: readonly string[] | undefined
  let split = byTabs
  for await (const { texts, first } of lineBatches(chunks, shown)) {
    const rows: Fields[] = []
    const lines: number[] = []
    for (let i = 0; i < texts.length; i++) {
      if ((texts[i] as string).trim() === '') continue
      const text = isolated(texts[i] as string)
      if (!names) {
        const cells = text.split('\t')
        if (headless.isHeader(cells)) {
          names = cells.map((name) => name.trim())
          continue
        }
        names = headless.names(cells.length)
        if (headless.byBlanks?.(cells.length)) split = byBlanks
      }
      const cells = split(text)
      const where = `${shown}:${first + i}`
      rows.push(named(names, cells, where, headless))
      lines.push(first + i)
    }
    yield { rows, lines }
  }
}

/** The cells of a row by the names of their columns; another number of cells is a StageError. */
export function named(names: readonly string[], cells: readonly string[], where: string, headless: Headless): Fields {
  if (cells.length !== names.length)
    throw new StageError(`${cells.length} columns where ${names.length} were expected`, {
      where,
      advice: headless.advice,
    })
  const fields: Fields = {}
  for (let i = 0; i < names.length; i++) fields[names[i] as string] = cells[i] as string
  return fields
}

function byTabs(line: string): string[] {
  return line.split('\t')
}

function byBlanks(line: string): string[] {
  return line.trim().split(/\s+/)
}
