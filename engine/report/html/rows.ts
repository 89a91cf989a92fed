import { stringify } from 'yaml'
import type { CanonicalValue } from '../../../cache/canonical.ts'
import type { SampleRow } from '../samples.ts'
import { type Html, html } from './markup.ts'

/** Some rows of an output, each with all its texts. */
export function rowsOf(name: string, rows: readonly SampleRow[]): Html {
  return html`<details class="made"><summary>Rows of ${name}</summary>${rows.map(
    ({ id, texts }) =>
      html`<dl class="facts row"><dt>id</dt><dd><bdi>${id}</bdi></dd>${texts.map(({ name: part, text }) => html`<dt>${part}</dt><dd dir="auto">${text}</dd>`)}</dl>`,
  )}</details>
`
}

/** A value as a person would write it. */
export function textOf(value: CanonicalValue): string {
  return typeof value === 'string' ? value : stringify(value, { lineWidth: 0 }).trimEnd()
}
