import type { LabelForm } from '../../cache/label-log.ts'
import type { AuditItem, AuditSource, Audits } from '../../stages/define.ts'
import type { NodeId } from '../plan/node.ts'
import { stageInput } from '../plan/stage-input.ts'
import { auditedOutput, sourceOf } from '../report/audited/sources.ts'
import type { Session } from '../session.ts'

/** What can be judged, and how. */
export interface Sources {
  form: LabelForm
  sources: readonly AuditSource[]
}

/** What a person judges. */
export interface Subject extends Sources {
  items: readonly AuditItem[]
}

/** Why nothing can be judged there, and what to do. */
export interface Unfit {
  problem: string
  advice: string
}

/** What is wanted of a sample. */
export interface SampleWish {
  count: number
  seed: number
  signal: AbortSignal
  progress(note: string): void
}

/** The newest results of these nodes, all of one kind; or why they can't be judged. */
export function sourcesOf(session: Session, ids: readonly NodeId[]): Sources | Unfit {
  const nodes = ids.map((id) => session.graph.nodes.get(id)!)
  const form = auditedOutput(nodes[0]!)?.form
  if (form === undefined)
    return {
      problem: `${nodes[0]!.stage} leaves nothing to judge`,
      advice: 'Name a stage that leaves queries (generate, filter), or a judge stage.',
    }
  const sources: AuditSource[] = []
  for (const node of nodes) {
    const source = sourceOf(session, node)
    if (!source) return { problem: `${node.id} has no result on this machine yet`, advice: 'Run it first.' }
    sources.push(source)
  }
  return { form, sources }
}

/** Samples what the sources wrote, or takes their pools, with what models that judge have said of it. */
export async function readSubject(
  session: Session,
  audits: Audits,
  { form, sources }: Sources,
  wish: SampleWish,
): Promise<Subject> {
  const items = form === 'labels' ? await audits.pairs(sources, wish) : await audits.pools(sources, wish)
  const nodes = [...session.graph.nodes.values()].map((node) => ({
    options: node.options,
    input: (name: string) => {
      const ref = node.inputs.get(name)
      return ref && (ref.type === 'llm' || ref.type === 'prompt') ? stageInput(ref, noFacts(session)) : undefined
    },
  }))
  const grades = await audits.grades(items, nodes, (keys) => session.store.rows.getMany(keys))
  return { form, sources, items: items.map((item) => ({ ...item, grades: grades.get(item.pair) ?? [] })) }
}

function noFacts({ store, sources }: Session): Parameters<typeof stageInput>[1] {
  return { record: () => undefined, locate: store.blobs.locate.bind(store.blobs), sources }
}
