import { textWidth } from '../util/text-width.ts'
import { printable } from './words.ts'

/** A column of a table: its heading, and to which side its cells are set. */
export interface Column {
  title: string
  align: 'left' | 'right'
}

/**
 * Rows of cells set in columns two spaces apart, with a heading; nothing stands after the last character of a line.
 * Cells stand on one line, whatever is in them; what takes two columns on a terminal counts as two.
 */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows].map((row) => columns.map((_, i) => cellText(row[i] ?? '')))
  const widths = columns.map((_, i) => lines.reduce((most, cells) => Math.max(most, textWidth(cells[i]!)), 0))
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i]!
        const fill = ' '.repeat(widths[i]! - textWidth(cell))
        return align === 'left' ? cell + fill : fill + cell
      })
      .join('  ')
      .trimEnd()
  return lines.map(line).join('\n')
}

function cellText(text: string): string {
  return printable(text).replace(/[\t\n]+/g, ' ')
}
