/** A column of a table: its heading, and to which side its cells are set. */
export interface Column {
  title: string
  align: 'left' | 'right'
}

/**
 * Rows of cells set in columns two spaces apart, with a heading; nothing stands after the last character of a line.
 * Cells must be free of line breaks; a character counts as one place.
 */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const heading = columns.map((column) => column.title)
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map((row) => [...(row[i] ?? '')].length)),
  )
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? ''
        const fill = ' '.repeat(Math.max(0, (widths[i] ?? 0) - [...cell].length))
        return column.align === 'left' ? cell + fill : fill + cell
      })
      .join('  ')
      .trimEnd()
  return [heading, ...rows].map(line).join('\n')
}
