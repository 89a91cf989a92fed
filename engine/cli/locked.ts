import { relative } from 'node:path'
import type { ActionRecord } from '../../cache/action-log.ts'
import { StageError } from '../../stages/define.ts'
import { lockDifferences } from '../lock/differences.ts'
import type { Lockfile } from '../lock/lockfile.ts'
import { lostPins } from '../lock/lost-pins.ts'
import type { Plan } from '../plan/decision.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { hasOutputs } from '../plan/pins.ts'
import { lockDifferencesText } from '../report/lock-differences-text.ts'
import { counted } from '../report/words.ts'
import type { Session } from '../session.ts'
import type { CommonOptions } from './options.ts'

/** Whether a command describes the whole pipeline with default params, as the lockfile does. */
export function isDefault({ param, params, only }: CommonOptions): boolean {
  return Object.keys(param).length + params.length + Object.keys(only).length === 0
}

/**
 * Why `--locked` refuses a plan: no lockfile, a pipeline that differs from it, or a pinned result that only asking a
 * model could bring. Undefined if nothing stands against it.
 */
export async function lockedRefusal(session: Session, plan: Plan, options: CommonOptions): Promise<string | undefined> {
  const { lock, lockFile } = session
  const name = relative(process.cwd(), lockFile)
  if (!lock) return `--locked needs a lockfile, and there is no ${name}: a run without --locked writes it`
  const narrowed = Object.keys(options.only).length > 0
  const differences = await lockDifferences({ ...session, selection: plan.selection }, lock, { narrowed })
  if (differences.length > 0) {
    const advice = 'Nothing was run. A run without --locked makes what differs and brings the lockfile up to date.'
    return `the pipeline differs from ${name}:\n${lockDifferencesText(differences)}\n${advice}`
  }
  const asking = plan.nodes.filter(
    ({ decision, estimate }) =>
      decision.kind !== 'cached' && estimate.requests > 0 && (estimate.exact || decision.kind === 'run'),
  )
  if (asking.length === 0) return undefined
  const lines = asking.map(({ node, estimate }) => `  ${node.id} would send ${counted(estimate.requests, 'request')}`)
  const advice = 'Nothing was run or asked. Pull the results, or run without --locked to pay for new ones.'
  return `results that ${name} pins can't be had:\n${lines.join('\n')}\n${advice}`
}

/** Fails a node whose result is not the pinned one, so that nothing goes on with it. */
export function expectPinned(lock: Lockfile): (node: GraphNode, record: ActionRecord) => ActionRecord {
  return (node, record) => {
    const pinned = lock.nodes.get(node.id)
    if (!pinned || hasOutputs(record, pinned.outputs)) return record
    const wrong = Object.entries(record.outputs).filter(([name, { digest }]) => digest !== pinned.outputs[name])
    const lines = wrong.map(([name, { digest }]) => `output ${name} is ${digest}, pinned is ${pinned.outputs[name]}`)
    throw new StageError(`it made another result than the lockfile pins: ${lines.join('; ')}`, {
      advice: 'Pull the pinned result, or run without --locked to take the new one.',
    })
  }
}

/** Warns of pinned results that could not be had, unless others were asked for. */
export function warnOfLostPins(session: Session, plan: Plan, results: ReadonlyMap<NodeId, ActionRecord>): void {
  const { forced, reobserved } = plan.selection
  const lost = session.lock ? lostPins(session.lock, results) : []
  for (const node of lost.filter((id) => !forced.has(id) && !reobserved.has(id)))
    process.stderr.write(`warning: the result of ${node} that the lockfile pins can't be had; another one is used\n`)
}
