import { type Box, boxLines, type Drawing } from '../graph-drawing.ts'
import { shortened } from './chart.ts'
import { type Html, html } from './markup.ts'

const WIDTH = 164
const HEIGHT = 50
const ACROSS = 44
const DOWN = 14
const EDGE = 4
/** It is made so much smaller before it has to be scrolled. */
const SMALLEST = 0.75

/** The graph of the pipeline's stages from left to right, each with its nodes; it scrolls where it is wide. */
export function graphFigure(id: string, { boxes, edges }: Drawing): Html {
  const places = placesOf(boxes.length, edges)
  const columns = Math.max(0, ...places.map(({ column }) => column)) + 1
  const rows = Math.max(0, ...places.map(({ row }) => row)) + 1
  const width = columns * (WIDTH + ACROSS) - ACROSS + 2 * EDGE
  const height = Math.ceil(rows * (HEIGHT + DOWN) - DOWN + 2 * EDGE)
  const at = (box: number): { x: number; y: number } => {
    const { column, row } = places[box]!
    return { x: EDGE + column * (WIDTH + ACROSS), y: EDGE + row * (HEIGHT + DOWN) }
  }
  const lines = edges.map(({ from, to, order }) => {
    const [a, b] = [at(from), at(to)]
    const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2]
    const bend = Math.max(ACROSS / 2, (x2 - x1) / 2)
    return html`<path d="M${x1},${y1}C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}"${order && html` stroke-dasharray="3,3"`}/>`
  })
  const title = 'The graph of the pipeline'
  const description = `Stages from left to right, ${boxes.length} in all: ${boxes.map(({ name, uses }) => `${name} (${uses})`).join(', ')}.`
  return html`<figure id="${id}"><figcaption><b>${title}</b>A box is a stage, with its type and how many nodes it has; a dashed box is not up to date.</figcaption>
<div class="scroll" tabindex="0" role="group" aria-label="${title}"><svg class="graph" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" style="min-width:${Math.round(SMALLEST * width)}px"><title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>
<g fill="none" stroke="var(--soft)" stroke-opacity=".55">${lines}</g>
${boxes.map((box, i) => boxDrawing(box, at(i)))}</svg></div></figure>`
}

function boxDrawing(box: Box, { x, y }: { x: number; y: number }): Html {
  const [name = '', uses = ''] = boxLines(box)
  const nodes = Object.values(box.decisions).reduce((sum, number) => sum + number, 0)
  const fresh = box.decision === 'cached'
  return html`<g transform="translate(${x},${y})"><rect width="${WIDTH}" height="${HEIGHT}" rx="6" fill="var(--card)" stroke="var(--${fresh ? 'soft' : 'warn'})"${!fresh && html` stroke-dasharray="5,3"`}/><text x="11" y="20" font-weight="600">${shortened(name, 21)}</text><text x="11" y="38" fill="var(--soft)">${shortened(uses, 16)}${nodes > 1 && ` × ${nodes}`}</text></g>
`
}

/** Columns by the longest way from a source; rows so that a box lies near those that it reads from. */
function placesOf(count: number, edges: Drawing['edges']): { column: number; row: number }[] {
  const columns = Array<number>(count).fill(0)
  // Boxes come in topological order.
  for (const { from, to } of [...edges].sort((a, b) => a.to - b.to))
    columns[to] = Math.max(columns[to]!, columns[from]! + 1)
  const rows = Array<number>(count).fill(0)
  for (let column = 0; column <= Math.max(0, ...columns); column++) {
    const here = [...columns.keys()].filter((box) => columns[box] === column)
    const wished = new Map(
      here.map((box) => {
        const sources = edges.filter(({ to }) => to === box).map(({ from }) => rows[from]!)
        return [box, sources.length === 0 ? 0 : sources.reduce((sum, row) => sum + row, 0) / sources.length] as const
      }),
    )
    here.sort((a, b) => wished.get(a)! - wished.get(b)! || a - b)
    let next = 0
    for (const box of here) {
      rows[box] = Math.max(next, Math.round(wished.get(box)!))
      next = rows[box]! + 1
    }
  }
  return columns.map((column, box) => ({ column, row: rows[box]! }))
}
