import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { ActionRecord } from '../../cache/action-log.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { labelFile } from '../../cache/label-log.ts'
import type { PipelineFacts } from '../parse/pipeline.ts'
import type { NodeId } from '../plan/node.ts'
import { engineVersion } from '../util/engine-version.ts'
import { newestOf } from './newest.ts'
import type { ResultSource } from './scored-nodes.ts'

/** Name of the element of a page that says which results it is of. */
export const STAMP_NAME = 'queryloom:results'

const HEAD_BYTES = 2048

/** What a report's page would be made from: the newest results, what people said, the text of the pipeline, and the program. */
export function reportStamp(
  source: ResultSource & { pipeline: Pick<PipelineFacts, 'sources'>; store: { root: string } },
  current: ReadonlyMap<NodeId, ActionRecord>,
): string {
  const results = [...newestOf(source, current)].map(([id, { record }]) => [id, record.key, record.run])
  const sources = source.pipeline.sources.map(({ digest }) => digest)
  // Labels are only ever added.
  const said = statSync(labelFile(source.store.root), { throwIfNoEntry: false })?.size ?? 0
  return hexOf(sha256(JSON.stringify([engineVersion(), sources, said, results]))).slice(0, 32)
}

/** Whether a page is there that was made from just this. */
export function isStamped(path: string, stamp: string): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return false
  }
  try {
    const bytes = Buffer.alloc(HEAD_BYTES)
    const head = bytes.toString('utf8', 0, readSync(file, bytes, 0, HEAD_BYTES, 0))
    return head.includes(`<meta name="${STAMP_NAME}" content="${stamp}">`)
  } finally {
    closeSync(file)
  }
}
