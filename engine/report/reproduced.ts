import type { ActionRecord } from '../../cache/action-log.ts'
import { hasOutputs } from '../plan/pins.ts'
import type { Failure } from '../run/events.ts'
import type { Remade, Reproduction } from '../run/reproduce.ts'
import { byteDifferences, type FileDifference } from './byte-difference.ts'
import { type MetricChange, metricChanges } from './metric-change.ts'
import { type PairOverlap, pairOverlap } from './pair-overlap.ts'
import { readResults, type ScoredNode } from './results.ts'

/** What `reproduce` found of one node; also what `--json` prints of it. */
export type Reproduced = { id: string; uses: string } & (
  | { outcome: 'identical' }
  /** `files` is empty where the bytes of the locked result are not stored; then `outputs` is all that is known. */
  | {
      outcome: 'different'
      outputs: readonly string[]
      files: readonly FileDifference[]
      text?: PairOverlap
      metrics?: readonly MetricChange[]
    }
  | { outcome: 'failed'; failure: Failure }
  /** Something that it needs failed, or the command was interrupted. */
  | { outcome: 'skipped' }
)

/** Compares everything that was made again with the lockfile. */
export async function reproducedNodes({ remade, locate }: Reproduction): Promise<Reproduced[]> {
  const found: Reproduced[] = []
  for (const one of remade) found.push(await compared(one, locate))
  return found
}

async function compared(
  { node, locked, pinned, made, failure }: Remade,
  locate: Reproduction['locate'],
): Promise<Reproduced> {
  const facts = { id: node.id, uses: node.definition.type }
  if (!made) return failure ? { ...facts, outcome: 'failed', failure } : { ...facts, outcome: 'skipped' }
  if (hasOutputs(made, locked.outputs)) return { ...facts, outcome: 'identical' }
  const outputs = Object.entries(made.outputs).flatMap(([name, { digest }]) =>
    digest === locked.outputs[name] ? [] : [name],
  )
  if (!pinned) return { ...facts, outcome: 'different', outputs, files: [] }
  const files = await byteDifferences(pinned.outputs, made.outputs, locate)
  const text = await textOf(outputs, pinned, made, locate)
  const metrics = await metricsOf({ node, pinned, made }, outputs, locate)
  return { ...facts, outcome: 'different', outputs, files, ...(text ? { text } : {}), ...(metrics ? { metrics } : {}) }
}

async function textOf(
  outputs: readonly string[],
  pinned: ActionRecord,
  made: ActionRecord,
  locate: Reproduction['locate'],
): Promise<PairOverlap | undefined> {
  const name = outputs.find((output) => made.outputs[output]?.kind === 'pairs')
  const [before, after] = [pinned, made].map((record) => fileOf(record, name, 'pairs.jsonl', locate))
  return before !== undefined && after !== undefined ? pairOverlap(before, after) : undefined
}

async function metricsOf(
  { node, pinned, made }: { node: Remade['node']; pinned: ActionRecord; made: ActionRecord },
  outputs: readonly string[],
  locate: Reproduction['locate'],
): Promise<readonly MetricChange[] | undefined> {
  const name = outputs.find((output) => made.outputs[output]?.kind === 'scores')
  const scored = [pinned, made].flatMap((record): ScoredNode[] => {
    const scoresFile = fileOf(record, name, 'scores.json', locate)
    const queriesFile = fileOf(record, name, 'queries.jsonl', locate)
    return scoresFile && queriesFile ? [{ node, record, fresh: true, scoresFile, queriesFile }] : []
  })
  const [before, after] = await readResults(scored)
  return before && after ? metricChanges(before, after) : undefined
}

function fileOf(
  record: ActionRecord,
  output: string | undefined,
  path: string,
  locate: Reproduction['locate'],
): string | undefined {
  const file = output === undefined ? undefined : record.outputs[output]?.files.find((one) => one.path === path)
  return file && locate(file.blob)
}
