import type { StageNodes } from './graph-stage.ts'
import type { GraphNode } from './node.ts'
import type { Projection, Variant, Variants } from './variants.ts'

/**
 * Gives, for a variant of `projection`, the nodes of another stage that have the same values on the axes that both
 * depend on, ordered by axis.
 */
export function nodesAgreeing(
  nodes: StageNodes,
  projection: Projection,
  variants: Variants,
): (variant: Variant) => readonly GraphNode[] {
  const shared = variants.over(projection.axes.filter((axis) => nodes.projection.axes.includes(axis)))
  const groups = new Map<Variant, GraphNode[]>()
  for (const [variant, node] of nodes.byVariant) {
    const key = variants.project(variant, shared)
    const group = groups.get(key)
    if (group) group.push(node)
    else groups.set(key, [node])
  }
  return (variant) => groups.get(variants.project(variant, shared)) ?? []
}
