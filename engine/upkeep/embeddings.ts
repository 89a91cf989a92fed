import { join } from 'node:path'
import { embeddingFolders } from '../../cache/embedding-check.ts'
import type { Leftover } from './leftovers.ts'
import { treeSize } from './tree-bytes.ts'

/** Embeddings of the encoders of a store: those that are to go, and what the others take. */
export interface ChosenEmbeddings {
  gone: readonly Leftover[]
  keptBytes: number
}

/**
 * Chooses the embeddings to remove, by encoder: those that no stage opened for `keepMs`, then, where a store is above
 * its cap, the longest unused, before any result: they are computed again from nothing but texts. Those used within
 * the grace time stay. `otherBytes` is what the cap is for beside them.
 */
export function chooseEmbeddings(
  store: string,
  rules: { now: number; keepMs: number | undefined; graceMs: number; maxBytes: number },
  otherBytes: number,
): ChosenEmbeddings {
  const folders = embeddingFolders(join(store, 'embeddings'))
    .map(({ path, usedMs }) => ({ path, usedMs, bytes: treeSize(path).bytes }))
    .sort((a, b) => a.usedMs - b.usedMs)
  let keptBytes = folders.reduce((sum, { bytes }) => sum + bytes, 0)
  const gone: Leftover[] = []
  for (const { path, usedMs, bytes } of folders) {
    const unused = rules.now - usedMs
    if (unused <= rules.graceMs) continue
    const isOld = rules.keepMs !== undefined && unused > rules.keepMs
    if (!isOld && otherBytes + keptBytes <= rules.maxBytes) continue
    gone.push({ path, bytes })
    keptBytes -= bytes
  }
  return { gone, keptBytes }
}
