import type { Decision } from '../plan/decision.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { count, counted } from './words.ts'

type Kind = Decision['kind']

/** A node with what a run would do with it. */
export interface DrawnNode {
  node: GraphNode
  decision: { kind: Kind }
}

/** A box of a drawing: a stage, or a node. */
export interface Box {
  name: string
  uses: string
  /** How many nodes it stands for, by what a run would do with them. */
  decisions: { readonly [kind in Kind]?: number }
  /** What colours it: what is most to be done among its nodes. */
  decision: Kind
}

/** Boxes in topological order, and the edges between them by their indexes. */
export interface Drawing {
  boxes: readonly Box[]
  /** `order`: by `after` alone, no data goes along it. */
  edges: readonly { from: number; to: number; order: boolean }[]
}

const MOST_FIRST = ['run', 'pending', 'fetch', 'cached'] as const

/** A graph as a drawing with a box for each stage, or for each node. */
export function drawingOf(nodes: readonly DrawnNode[], options: { nodes: boolean }): Drawing {
  const nameOf = ({ id, stage }: GraphNode): string => (options.nodes ? id : stage)
  const places = new Map<string, number>()
  const boxes: (Box & { decisions: { [kind in Kind]?: number } })[] = []
  const boxOf = new Map<NodeId, number>()
  const edges = new Map<string, { from: number; to: number; order: boolean }>()
  for (const { node, decision } of nodes) {
    const name = nameOf(node)
    const at =
      places.get(name) ?? boxes.push({ name, uses: node.definition.type, decisions: {}, decision: 'cached' }) - 1
    places.set(name, at)
    boxOf.set(node.id, at)
    const { decisions } = boxes[at] as (typeof boxes)[number]
    decisions[decision.kind] = (decisions[decision.kind] ?? 0) + 1
    const read = new Set([...node.inputs.values()].flatMap((ref) => (ref.type === 'stage' ? [ref.node] : [])))
    for (const need of node.needs) {
      const from = boxOf.get(need)
      if (from === undefined) continue
      const known = edges.get(`${from} ${at}`)
      edges.set(`${from} ${at}`, { from, to: at, order: !read.has(need) && (known?.order ?? true) })
    }
  }
  for (const box of boxes) box.decision = MOST_FIRST.find((kind) => box.decisions[kind] !== undefined) ?? 'cached'
  return { boxes, edges: [...edges.values()] }
}

/** Lines of text in a box: its name, its stage type, and what happens. */
export function boxLines({ name, uses, decisions, decision }: Box): string[] {
  const total = Object.values(decisions).reduce((sum, number) => sum + number, 0)
  const parts = MOST_FIRST.flatMap((kind) =>
    decisions[kind] === undefined ? [] : [`${count(decisions[kind])} ${kind}`],
  )
  return [name, uses, total === 1 ? decision : `${counted(total, 'node')}: ${parts.join(', ')}`]
}
