import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ActionRecord } from '../../cache/action-log.ts'
import { writeFileAtomic } from '../../cache/durable.ts'
import type { NodeId } from '../plan/node.ts'
import { servedBy } from '../plan/served-by.ts'
import { writtenReport } from '../report/written-report.ts'
import { makePlan, type Session } from '../session.ts'
import { reportPath } from './report-path.ts'

/** Writes the page of a pipeline's newest results; `made` has those of a run, which may have been one of some stages only. */
export async function keepReport(session: Session, made: ReadonlyMap<NodeId, ActionRecord>): Promise<void> {
  const isWhole = made.size === session.graph.nodes.size
  const current = isWhole ? made : new Map([...made, ...servedBy(await makePlan(session))])
  const text = await writtenReport(session, current, 'html')
  const path = reportPath(session)
  mkdirSync(dirname(path), { recursive: true })
  await writeFileAtomic(path, text)
}
