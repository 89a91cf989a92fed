import { suggest } from '../parse/suggest.ts'
import type { Graph, GraphNode, NodeId } from './node.ts'
import { encodeLabel } from './variants.ts'

/**
 * The nodes that people mean by a name: a stage (`queries`), a node (`queries[density=3,scale=0.5]`), or, where some of
 * the axes are left out, all nodes that agree on the others (`queries[density=3]`). In the order of the graph.
 */
export function namedNodes(graph: Pick<Graph, 'nodes'>, name: string): NodeId[] {
  const exact = graph.nodes.get(name as NodeId)
  // Without an axis left out there is only this one; of a stage without axes, the name is its id.
  if (exact) return [exact.id]
  const bracket = name.endsWith(']') ? name.indexOf('[') : -1
  const stage = bracket === -1 ? name : name.slice(0, bracket)
  const wanted = bracket === -1 ? [] : name.slice(bracket + 1, -1).split(',')
  const fits = (node: GraphNode): boolean => wanted.every((assignment) => labelsOf(node).has(assignment.trim()))
  return [...graph.nodes.values()].filter((node) => node.stage === stage && fits(node)).map(({ id }) => id)
}

/** What to tell of a name that no node has. */
export function unknownName(graph: Pick<Graph, 'nodes'>, name: string): string {
  const stages = new Set([...graph.nodes.values()].map(({ stage }) => stage))
  const near = suggest(name, new Set([...stages, ...graph.nodes.keys()]))
  const bracket = name.indexOf('[')
  const stage = bracket === -1 ? undefined : name.slice(0, bracket)
  const first =
    stage !== undefined && stages.has(stage)
      ? [...graph.nodes.values()].find((node) => node.stage === stage)?.id
      : undefined
  // Whoever wrote the axes of a stage wants a node of it, not all.
  const meant = near !== undefined && (first === undefined || near.includes('[')) ? near : first
  return `the pipeline has no stage or node ${name}${meant === undefined ? '' : `. Did you mean ${meant}?`}`
}

function labelsOf(node: GraphNode): Set<string> {
  const labels = Object.entries(node.variant)
  return new Set(labels.flatMap(([axis, label]) => [`${axis}=${label}`, `${axis}=${encodeLabel(label)}`]))
}
