import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionLog, ActionRecord } from '../../../cache/action-log.ts'
import type { ActionKey } from '../../../cache/digest.ts'
import { readPreimage } from '../../plan/preimage.ts'
import type { RunEvent } from '../../run/events.ts'
import type { PastRun } from '../run-history.ts'
import { moment } from '../words.ts'
import { outputsOf, partsOf, type Side, type SideNode } from './side.ts'

const REMOVED = {
  why: 'its result was removed from the store since',
  advice: 'cache gc, cache rm or the cap on its size did that; tag runs that are to be kept (queryloom cache tag)',
}

/** A run as its journal and the store tell it: what every node had been made from, and the result it had then. */
export function runSide(past: PastRun, actions: Pick<ActionLog, 'find' | 'preimage'>): Side {
  const nodes = new Map<string, SideNode>()
  const notes: string[] = []
  let ended = Number.POSITIVE_INFINITY
  const told = new Map<string, { key?: ActionKey; how: RunEvent['type'] }>()
  for (const event of journal(past)) {
    if (event.type === 'run-finished') ended = event.at
    if (event.type === 'node-started') told.set(event.node, { key: event.key, how: event.type })
    else if (event.type === 'node-finished' || event.type === 'node-restored')
      told.set(event.node, { key: event.key, how: event.type })
    else if (event.type === 'node-failed' || event.type === 'node-skipped')
      told.set(event.node, { ...told.get(event.node), how: event.type })
  }
  for (const [id, { key, how }] of inOrder(told)) {
    const preimage = key && readPreimage(actions.preimage(key))
    const facts = { id, ...partsOf(id), ...(key ? { key } : {}), ...(preimage ? { preimage } : {}) }
    if (how !== 'node-finished' && how !== 'node-restored') {
      const what = how === 'node-failed' ? 'failed' : how === 'node-skipped' ? 'was skipped' : 'did not finish'
      const advice = `queryloom logs tells more: --run ${past.run}`
      nodes.set(id, { ...facts, missing: { why: `it ${what} in that run`, advice } })
      continue
    }
    const record = key && resultOf(actions.find(key), past.run, ended)
    nodes.set(id, record ? { ...facts, record, outputs: outputsOf(record) } : { ...facts, missing: REMOVED })
  }
  if (past.status !== 'ok') notes.push(`this run ended as ${past.status}: it may not have all nodes`)
  const about = `${past.pipeline ?? 'a pipeline'}, ${moment(past.startedAt)}`
  return { kind: 'run', name: `run ${past.run}`, about, nodes, notes }
}

/** Stages in the order in which they were first heard of, the nodes of each by their labels. */
function inOrder<Told>(told: ReadonlyMap<string, Told>): [string, Told][] {
  const stages = [...new Set([...told.keys()].map((id) => partsOf(id).stage))]
  const rank = new Map(stages.map((stage, i) => [stage, i]))
  return [...told].sort(([a], [b]) => {
    const byStage = rank.get(partsOf(a).stage)! - rank.get(partsOf(b).stage)!
    return byStage || a.localeCompare(b, 'en', { numeric: true })
  })
}

/** Of several results of a key, the one that the run made, else the newest that was there when it ended. */
function resultOf(records: readonly ActionRecord[], run: string, ended: number): ActionRecord | undefined {
  return records.find((record) => record.run === run) ?? records.find(({ startedAt }) => Date.parse(startedAt) <= ended)
}

function* journal({ folder }: PastRun): Generator<RunEvent> {
  let text: string
  try {
    text = readFileSync(join(folder, 'events.jsonl'), 'utf8')
  } catch {
    return
  }
  for (const line of text.split('\n')) {
    // Progress is most of a journal.
    if (line === '' || line.includes('"type":"node-progress"')) continue
    try {
      yield JSON.parse(line) as RunEvent
    } catch {
      // A torn line of a run that was killed.
    }
  }
}
