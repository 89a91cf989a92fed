import type { LabelForm } from '../../cache/label-log.ts'
import type { AuditItem, AuditSource, Audits } from '../../stages/define.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { stageInput } from '../plan/stage-input.ts'
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

/** The output of a node that people can judge, and in which way. */
function auditedOutput({ outputs }: GraphNode): { output: string; form: LabelForm } | undefined {
  for (const [output, kind] of Object.entries(outputs)) {
    if (kind === 'pairs') return { output, form: 'labels' }
    if (kind === 'judgements') return { output, form: 'grade' }
  }
  return undefined
}

/** The newest result of a node as something to judge; undefined where there is none, or where it is not on this machine. */
function sourceOf(session: Session, node: GraphNode): AuditSource | undefined {
  const found = auditedOutput(node)
  const record = session.store.actions.head(session.address(node.id))?.record
  const output = found && record?.outputs[found.output]
  if (!found || !output) return undefined
  const { blobs } = session.store
  if (output.files.some(({ blob, size }) => blobs.check(blob, size) !== 'ok')) return undefined
  const input = stageInput(
    { type: 'stage', node: node.id, output: found.output, kind: node.outputs[found.output]! },
    { record: () => record, locate: blobs.locate.bind(blobs), sources: session.sources },
  )
  return input && { label: node.id, input }
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
