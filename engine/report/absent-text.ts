import type { AbsentNode } from '../plan/node.ts'
import { counted } from './words.ts'

/** One line on the nodes that `when` leaves out, by stage, and why; undefined where there are none. */
export function absentText(absent: readonly AbsentNode[]): string | undefined {
  if (absent.length === 0) return undefined
  const stages = new Map<string, { nodes: number; off: boolean; reads: Set<string> }>()
  for (const { stage, because } of absent) {
    const told = stages.get(stage) ?? { nodes: 0, off: false, reads: new Set() }
    stages.set(stage, told)
    told.nodes++
    if (because.kind === 'when') told.off = true
    else for (const id of because.on) told.reads.add(id.split('[', 1)[0] as string)
  }
  const parts = [...stages].map(([stage, { nodes, off, reads }]) => {
    const why = [...(off ? ['its `when` is false'] : []), ...(reads.size > 0 ? [`reads ${[...reads].join(', ')}`] : [])]
    return `${counted(nodes, 'node')} of ${stage} (${why.join('; ')})`
  })
  return `left out: ${parts.join(', ')}`
}
