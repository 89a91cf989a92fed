import { boxLines, type Drawing } from './graph-drawing.ts'
import { printable } from './words.ts'

const COLOURS = {
  cached: 'fillcolor="#d9ead3", color="#38761d"',
  fetch: 'fillcolor="#cfe2f3", color="#0b5394"',
  run: 'fillcolor="#fff2cc", color="#b45f06"',
  pending: 'fillcolor="#eeeeee", color="#666666", style="rounded,filled,dashed"',
} as const

/** A drawing in the language of Graphviz. Names are text wherever they come from: none can end its label. */
export function dotText({ boxes, edges }: Drawing): string {
  const nodes = boxes.map((box, at) => {
    const label = boxLines(box).map(escapeText).join('\\n')
    return `  n${at} [label="${label}", class="${box.decision}", ${COLOURS[box.decision]}]`
  })
  const arrows = edges.map(({ from, to, order }) => `  n${from} -> n${to}${order ? ' [style=dashed]' : ''}`)
  const head = ['digraph pipeline {', '  node [shape=box, style="rounded,filled", fontname="sans-serif"]']
  return [...head, ...nodes, ...arrows, '}'].join('\n')
}

function escapeText(text: string): string {
  return printable(text)
    .replace(/[\n\t]/g, ' ')
    .replace(/[\\"]/g, '\\$&')
}
