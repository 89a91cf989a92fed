import { type Html, html } from './markup.ts'

/** How one of several series looks: by colour, and by shape for whoever does not tell the colours apart. */
export interface SeriesLook {
  colour: string
  symbol: string
  /** The same shape as a character. */
  sign: string
}

const SHAPES: readonly (readonly [symbol: string, sign: string])[] = [
  ['circle', '●'],
  ['triangle', '▲'],
  ['square', '■'],
  ['diamond', '◆'],
  ['star', '★'],
  ['cross', '✚'],
  ['wye', '✦'],
  ['asterisk', '✱'],
]

/** As many series as are told apart in one figure. */
export const MOST_SERIES: number = SHAPES.length

/** The look of the n-th series; colours are the page's, so that they fit light and dark. */
export function lookOf(n: number): SeriesLook {
  const [symbol, sign] = SHAPES[n % SHAPES.length]!
  return { colour: `var(--c${n % SHAPES.length})`, symbol, sign }
}

/** What the series of a figure are called, beside their shapes. */
export function legend(entries: readonly { n: number; label: string; note?: string }[]): Html {
  return html`<ul class="legend">${entries.map(
    ({ n, label, note }) =>
      html`<li><span class="s${n % SHAPES.length}" aria-hidden="true">${lookOf(n).sign}</span> ${label}${note !== undefined && html` <span class="soft">${note}</span>`}</li>`,
  )}</ul>`
}
