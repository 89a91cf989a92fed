import { expect, test } from 'vitest'
import type { InputRef, NodeId } from '../../../engine/plan/node.ts'
import { dotText } from '../../../engine/report/dot.ts'
import { type DrawnNode, drawingOf } from '../../../engine/report/graph-drawing.ts'
import { mermaidText } from '../../../engine/report/mermaid.ts'
import { graphNode } from './fixtures/nodes.ts'

const from = (node: string): [string, InputRef] => [
  node,
  { type: 'stage', node: node as NodeId, output: 'pairs', kind: 'pairs' },
]
const densities = ['1', '2', '3']
const nodes: DrawnNode[] = [
  { node: graphNode('passages'), decision: { kind: 'cached' } },
  ...densities.map((density) => ({
    node: graphNode('queries', { density }, { needs: ['passages' as NodeId], inputs: new Map([from('passages')]) }),
    decision: { kind: density === '3' ? ('run' as const) : ('cached' as const) },
  })),
  ...densities.map((density) => ({
    node: graphNode(
      'kept',
      { density },
      {
        needs: [`queries[density=${density}]` as NodeId, 'passages' as NodeId],
        inputs: new Map([from(`queries[density=${density}]`)]),
      },
    ),
    decision: { kind: density === '3' ? ('pending' as const) : ('cached' as const) },
  })),
]

test('a graph is drawn with a box for each stage, coloured by what is to be done, order without data dashed', async () => {
  const drawing = drawingOf(nodes, { nodes: false })
  expect(drawing.boxes.map(({ name, decision, decisions }) => [name, decision, decisions])).toEqual([
    ['passages', 'cached', { cached: 1 }],
    ['queries', 'run', { cached: 2, run: 1 }],
    ['kept', 'pending', { cached: 2, pending: 1 }],
  ])
  expect(drawing.edges).toEqual([
    { from: 0, to: 1, order: false },
    { from: 1, to: 2, order: false },
    { from: 0, to: 2, order: true },
  ])
  await expect(mermaidText(drawing)).toMatchFileSnapshot('./golden/graph.mmd')
  await expect(dotText(drawing)).toMatchFileSnapshot('./golden/graph.dot')
})

test('with --nodes every node has a box', async () => {
  const drawing = drawingOf(nodes, { nodes: true })
  expect(drawing.boxes).toHaveLength(7)
  expect(drawing.edges).toHaveLength(9)
  await expect(mermaidText(drawing)).toMatchFileSnapshot('./golden/graph-nodes.mmd')
})

const HOSTILE = [
  'a"] --> n9["b',
  '<script>alert(1)</script>',
  '`**x**`',
  '#quot; &amp; %%{init: {}}%%',
  'end\n  n9[x]',
  'back\\slash" [shape=none]',
  '\u001b[31mred\u0007',
  '日本語 ü {{x}} $math$',
]

test.each(HOSTILE)('no label is read as syntax, whatever stands in it: %j', (label) => {
  const drawing = drawingOf([{ node: graphNode('s', { a: label }), decision: { kind: 'run' } }], { nodes: true })
  const mermaid = mermaidText(drawing).split('\n')
  expect(mermaid).toHaveLength(6)
  const shown = /^ {2}n0\["(?<text>.*)<br\/>generate<br\/>run"\]:::run$/.exec(mermaid[1] as string)?.groups?.text ?? ''
  // Nothing but letters, digits, harmless marks, and entities that name a character by its number.
  expect(shown.replace(/#\d+;/g, '')).toMatch(/^[\p{L}\p{N} .,:=_-]+$/u)
  const back = shown.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these have no picture
  expect(back).toBe(`s[a=${label}]`.replace(/[\u0000-\u001f]/g, ''))

  const dot = dotText(drawing).split('\n')
  expect(dot).toHaveLength(4)
  const [, quoted] = /^ {2}n0 \[label="((?:[^"\\]|\\.)*)", class="run", /.exec(dot[2] as string) ?? []
  expect(quoted).toBeDefined()
  expect(quoted?.endsWith('\\ngenerate\\nrun')).toBe(true)
})
