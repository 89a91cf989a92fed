import { type Html, html, type Part } from './markup.ts'

/** A column of a table: its heading, and whether its cells are numbers. */
export type Heading = string | { n: string }

/** A table that scrolls by itself where it is wider than the page; the first cell of a row is its heading. */
export function htmlTable(name: string, columns: readonly Heading[], rows: readonly (readonly Part[])[]): Html {
  const isNumber = columns.map((column) => typeof column !== 'string')
  const heads = columns.map((column) =>
    typeof column === 'string'
      ? html`<th scope="col">${column}</th>`
      : html`<th scope="col" class="n">${column.n}</th>`,
  )
  const lines = rows.map(
    ([first, ...rest]) =>
      html`<tr><th scope="row">${first}</th>${rest.map((cell, i) => (isNumber[i + 1] ? html`<td class="n">${cell}</td>` : html`<td>${cell}</td>`))}</tr>\n`,
  )
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${name}"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${lines}</tbody></table></div>`
}

/** What is long is closed at first. */
export function folded(length: number, most: number, what: string, body: Html): Html {
  return length <= most ? body : html`<details class="more"><summary>${length} ${what}</summary>${body}</details>`
}
