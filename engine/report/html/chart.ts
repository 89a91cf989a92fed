import { type PlotOptions, plot } from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { type Html, html, trusted, visible } from './markup.ts'

/** A drawing with the words that stand in for it where it can't be seen. */
export interface Chart {
  /** Names it within its page. */
  id: string
  title: string
  /** What it shows, in a sentence or two. */
  description: string
  /** What is written above it; its description, unless that stands above several figures. */
  caption?: Html | string
  options: PlotOptions
  /** What its series are called. */
  legend?: Html
  /** A line below it. */
  below?: string | undefined
}

/** A figure can be as wide as half of the page, and is made smaller on a phone. */
const CHART_WIDTH = 460

/** Draws a chart as a figure with a title, a caption, and an accessible name on the drawing itself. */
export function chartFigure({ id, title, description, options, legend, below, caption = description }: Chart): Html {
  return html`<figure id="${id}"><figcaption><b>${title}</b>${caption}</figcaption>${legend}${svgOf(id, title, description, options)}${below !== undefined && html`<p class="small soft">${below}</p>`}</figure>`
}

/** A name that fits beside an axis. */
export function shortened(text: string, most: number): string {
  const characters = [...visible(text)]
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`
}

const { document } = parseHTML('<!doctype html><html><body></body></html>')

function svgOf(id: string, title: string, description: string, options: PlotOptions): Html {
  const drawing = plot({ width: CHART_WIDTH, ...options, className: 'plot', document })
  // The page has these rules, and its policy obeys no other sheet.
  for (const style of drawing.querySelectorAll('style')) style.remove()
  // The drawing is one picture with one name: its parts have none of their own.
  for (const part of drawing.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label')
  const named = (name: string, text: string): ReturnType<typeof document.createElementNS> => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name)
    element.setAttribute('id', `${id}-${name}`)
    element.textContent = visible(text)
    return element
  }
  drawing.setAttribute('role', 'img')
  drawing.setAttribute('aria-labelledby', `${id}-title ${id}-desc`)
  drawing.prepend(named('title', title), named('desc', description))
  return trusted(shorter(drawing.outerHTML))
}

// A tenth of a pixel is more than a screen shows, and a large sweep has thousands of numbers.
function shorter(markup: string): string {
  return markup.replace(/="[^"]*"/g, (attribute) => attribute.replace(/(\d\.\d)\d+/g, '$1'))
}
