import { join } from 'node:path'
import type { ActionRecord } from '../../cache/action-log.ts'
import type { PlannedNode } from '../../engine/plan/decision.ts'
import type { RunEvent } from '../../engine/run/events.ts'
import { surveyMachine } from '../../engine/run/machine.ts'
import { runPlan } from '../../engine/run/run.ts'
import { makePlan, openSession } from '../../engine/session.ts'
import { registry } from '../../stages/registry.ts'

/** What a run inside the test's process did. */
export interface HereReport {
  events: RunEvent[]
  finished: Extract<RunEvent, { type: 'run-finished' }>
  /** Ids by how they ended. */
  executed: string[]
  restored: string[]
  failed: string[]
  skipped: string[]
  /** The newest complete result of each node that has one. */
  records: { readonly [node: string]: ActionRecord }
}

/** Plans and runs a pipeline in the test's own process; `seconds` overrides the guesses that decide the order of starts. */
export async function runHere(
  folder: string,
  options: {
    file?: string
    jobs?: number
    seconds?: (node: string) => number
    /** Called before anything runs, and for every event. */
    onEvent?: (event: RunEvent) => void
  } = {},
): Promise<HereReport> {
  const { session, diagnostics } = await openSession({
    file: join(folder, options.file ?? 'pipeline.yaml'),
    registry,
    cwd: folder,
  })
  if (!session) throw new Error(`the pipeline is broken: ${JSON.stringify(diagnostics, null, 1)}`)
  try {
    const plan = await makePlan(session)
    const { seconds } = options
    const reordered = (planned: PlannedNode): PlannedNode =>
      seconds ? { ...planned, estimate: { ...planned.estimate, seconds: seconds(planned.node.id) } } : planned
    const events: RunEvent[] = []
    await runPlan(
      session,
      { ...plan, nodes: plan.nodes.map(reordered) },
      {
        machine: await surveyMachine({ jobs: options.jobs, cards: false }),
        onEvent: (event) => {
          events.push(event)
          options.onEvent?.(event)
        },
      },
    )
    const finished = events.at(-1)
    if (finished?.type !== 'run-finished') throw new Error('the run said no end')
    const records: { [node: string]: ActionRecord } = {}
    const ids = (type: RunEvent['type']): string[] =>
      events.flatMap((event) => (event.type === type && 'node' in event ? [event.node as string] : [])).sort()
    for (const event of events) {
      if (event.type !== 'node-finished' && event.type !== 'node-restored') continue
      const record = session.store.actions.find(event.key)[0]
      if (record) records[event.node] = record
    }
    return {
      events,
      finished,
      executed: ids('node-finished'),
      restored: ids('node-restored'),
      failed: ids('node-failed'),
      skipped: ids('node-skipped'),
      records,
    }
  } finally {
    await session.close()
  }
}
