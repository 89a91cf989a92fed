import type { Table } from './table.ts'

/** A table in Markdown, with a heading unless its title is empty; nothing in it can pass for Markdown's marks or HTML. */
export function markdownTable({ title, columns, rows, notes }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownText).join(' | ')} |`
  const rule = `|${columns.map(({ align }) => (align === 'left' ? ' --- ' : ' ---: ')).join('|')}|`
  const table = [line(columns.map((column) => column.title)), rule, ...rows.map(line)].join('\n')
  const heading = title === '' ? [] : [`### ${markdownText(title)}`]
  return [...heading, table, ...notes.map(markdownText)].join('\n\n')
}

/** A table as LaTeX's tabular in a floating table, with the rules of booktabs. */
export function latexTable({ title, columns, rows, notes }: Table): string {
  const line = (cells: readonly string[]): string => `${cells.map(latexText).join(' & ')} \\\\`
  return [
    '\\begin{table}',
    `\\caption{${latexText([title, ...notes].join('. ').replaceAll('..', '.'))}}`,
    `\\begin{tabular}{${columns.map(({ align }) => (align === 'left' ? 'l' : 'r')).join('')}}`,
    '\\toprule',
    line(columns.map((column) => column.title)),
    '\\midrule',
    ...rows.map(line),
    '\\bottomrule',
    '\\end{tabular}',
    '\\end{table}',
  ].join('\n')
}

/** Records of RFC 4180; a text that a spreadsheet would calculate is made a text. */
export function csvText(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (value: string | number | null): string => {
    if (value === null) return ''
    if (typeof value === 'number') return String(value)
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** A text on one line in which nothing can pass for Markdown's marks or HTML, or turns the direction of writing. */
export function markdownText(text: string): string {
  return lineOf(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\|*_`[\]#]/g, '\\$&')
}

function latexText(text: string): string {
  const escapes: { readonly [character: string]: string } = {
    '\\': '\\textbackslash{}',
    '~': '\\textasciitilde{}',
    '^': '\\textasciicircum{}',
    '<': '\\textless{}',
    '>': '\\textgreater{}',
    '|': '\\textbar{}',
    // At the beginning of a row it would be an option of the line break before it.
    '[': '{[}',
    // Not every LaTeX knows the character.
    '−': '$-$',
  }
  return lineOf(text)
    .replace(/[\\~^<>|[−]|[&%$#_{}]/g, (found) => escapes[found] ?? `\\${found}`)
    .replace(/(?<![\w.$-])-(?=\d)/g, '$$-$$')
}

function lineOf(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cc}/gu, '')
}
