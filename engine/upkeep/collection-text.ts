import { bytes, count, counted, printable } from '../report/words.ts'
import type { Collection } from './collect.ts'

const NAMED = 10

/** What a collection did, in a few lines. */
export function collectionText(done: Collection): string {
  const { dryRun, forgotten, freed, kept, waiting, waitingFor, over } = done
  const all = freed.blobs.bytes + freed.views.bytes + freed.embeddings.bytes + freed.leftovers.bytes
  const lines = [
    dryRun
      ? `would free ${bytes(all)} and forget ${counted(forgotten.length, 'result')}`
      : `freed ${bytes(all)}; ${counted(forgotten.length, 'result')} forgotten`,
  ]
  for (const { result, because } of forgotten.slice(0, NAMED)) {
    const { pipeline, node, startedAt } = result.record
    const why = because === 'unused' ? 'nobody used it' : 'above the cap'
    lines.push(`  ${printable(pipeline)}: ${printable(node)}, made ${startedAt.slice(0, 10)} (${why})`)
  }
  if (forgotten.length > NAMED) lines.push(`  and ${count(forgotten.length - NAMED)} more (--json tells all)`)
  lines.push(
    `  outputs ${bytes(freed.blobs.bytes)}, views ${bytes(freed.views.bytes)}, ${freed.embeddings.count > 0 ? `embeddings ${bytes(freed.embeddings.bytes)}, ` : ''}logs and leftovers ${bytes(freed.leftovers.bytes)}`,
  )
  if (waiting > 0) {
    lines.push(
      `${bytes(waiting)} more can go when ${waitingFor.length === 1 ? 'this run has' : 'these runs have'} ended: ${waitingFor.join(', ')}`,
    )
  }
  lines.push(`kept ${counted(kept.results, 'result')}, ${bytes(kept.bytes)}`)
  if (over > 0) lines.push(`that is ${bytes(over)} above the cap: lockfiles, tags, live runs or the last hour need it`)
  return lines.join('\n')
}

/** The same for programs. */
export function collectionJson({ forgotten, ...rest }: Collection): object {
  return {
    ...rest,
    forgotten: forgotten.map(({ result: { record }, because, lastUse }) => ({
      project: record.project,
      pipeline: record.pipeline,
      node: record.node,
      key: record.key,
      run: record.run,
      because,
      last_use: new Date(lastUse).toISOString(),
    })),
  }
}
