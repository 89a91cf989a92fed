import { boxLines, type Drawing } from './graph-drawing.ts'

const STYLES = [
  'classDef cached fill:#d9ead3,stroke:#38761d,color:#1b3a0e',
  'classDef fetch fill:#cfe2f3,stroke:#0b5394,color:#052744',
  'classDef run fill:#fff2cc,stroke:#b45f06,color:#4a2703',
  'classDef pending fill:#eeeeee,stroke:#666666,color:#222222,stroke-dasharray: 4 3',
]

/** A drawing as a Mermaid flowchart. Names are text wherever they come from: no character of them is read as syntax or HTML. */
export function mermaidText({ boxes, edges }: Drawing): string {
  const nodes = boxes.map((box, at) => `  n${at}["${boxLines(box).map(escapeText).join('<br/>')}"]:::${box.decision}`)
  const arrows = edges.map(({ from, to, order }) => `  n${from} ${order ? '-.->' : '-->'} n${to}`)
  return ['flowchart TD', ...nodes, ...arrows, ...STYLES.map((style) => `  ${style}`)].join('\n')
}

function escapeText(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,=_-]/gu, (character) => {
    const code = character.codePointAt(0) as number
    // A control character has no picture, and no entity in HTML.
    return code < 32 || (code >= 127 && code < 160) ? '' : `#${code};`
  })
}
