import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { ModelUse } from '../../../cache/action-record.ts'
import type { RunEvent } from '../../run/events.ts'
import type { Session } from '../../session.ts'
import { isRunOf, runHistory } from '../run-history.ts'

/** What a node has asked of a model over all runs whose journals there are. */
interface SpentUse extends ModelUse {
  node: string
  model: string
}

/** The ledger of a pipeline. */
export interface Spent {
  runs: number
  /** Start of the oldest of them, in milliseconds since the epoch; null without any. */
  since: number | null
  /** By node and model, in the order of their names. */
  uses: readonly SpentUse[]
}

/** Adds up what journals say was asked of models, in runs that failed or were interrupted too. */
export function spentOf({ store, pipeline }: Pick<Session, 'store' | 'pipeline'>): Spent {
  const uses = new Map<string, SpentUse>()
  let runs = 0
  let since: number | null = null
  for (const past of runHistory(store.root)) {
    if (!isRunOf(past, pipeline.file, relative(pipeline.root, pipeline.file))) continue
    runs++
    since = past.startedAt
    for (const { node, models } of usesIn(join(past.folder, 'events.jsonl')))
      for (const [model, use] of Object.entries(models)) {
        const id = JSON.stringify([node, model])
        const known = uses.get(id)
        uses.set(id, known ? { node, model, ...sumOfUses(known, use) } : { node, model, ...use })
      }
  }
  const sorted = [...uses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, use]) => use)
  return { runs, since, uses: sorted }
}

/** What two uses come to. Money is known as far as any of them had prices. */
export function sumOfUses(a: ModelUse, b: ModelUse): ModelUse {
  return {
    new: a.new + b.new,
    cached: a.cached + b.cached,
    retried: a.retried + b.retried,
    failed: a.failed + b.failed,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    uncounted: a.uncounted + b.uncounted,
    seconds: a.seconds + b.seconds,
    money: a.money === null && b.money === null ? null : (a.money ?? 0) + (b.money ?? 0),
  }
}

const MARK = '"type":"models-used"'

function usesIn(journal: string): Extract<RunEvent, { type: 'models-used' }>[] {
  let text: string
  try {
    text = readFileSync(journal, 'utf8')
  } catch {
    return []
  }
  if (!text.includes(MARK)) return []
  return text.split('\n').flatMap((line) => {
    if (!line.includes(MARK)) return []
    try {
      const event = JSON.parse(line) as RunEvent
      return event.type === 'models-used' ? [event] : []
    } catch {
      // The last line of a killed run.
      return []
    }
  })
}
