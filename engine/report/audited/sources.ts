import type { LabelForm } from '../../../cache/label-log.ts'
import type { AuditSource } from '../../../stages/define.ts'
import type { GraphNode } from '../../plan/node.ts'
import { stageInput } from '../../plan/stage-input.ts'
import type { Session } from '../../session.ts'

/** The output of a node that people can judge, and in which way. */
export function auditedOutput({ outputs }: GraphNode): { output: string; form: LabelForm } | undefined {
  for (const [output, kind] of Object.entries(outputs)) {
    if (kind === 'pairs') return { output, form: 'labels' }
    if (kind === 'judgements') return { output, form: 'grade' }
  }
  return undefined
}

/** The newest result of a node as something to judge; undefined where there is none, or where it is not on this machine. */
export function sourceOf(session: Session, node: GraphNode): AuditSource | undefined {
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
