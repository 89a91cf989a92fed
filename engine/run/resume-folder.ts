import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ActionKey, hexOf } from '../../cache/digest.ts'
import { freshNonce } from '../../cache/durable.ts'
import { removeTree } from '../../cache/remove-tree.ts'

/** Where one execution of a key keeps what its next attempt can go on from. */
export interface ResumeFolder {
  /** Made by whoever uses it; holds what the attempt before left. */
  path: string
  /** Call when the key has its result. */
  discard(): void
}

/**
 * The resume folder of a key, under a name that only this execution knows: what the last attempt left is moved there. An
 * owner that slept, was overtaken and wakes up finds its own folder gone, and can't write into that of its successor.
 */
export function resumeFolder(store: string, key: ActionKey): ResumeFolder {
  const all = join(store, 'resume', hexOf(key))
  const path = join(all, freshNonce())
  for (const left of newestFirst(all))
    try {
      renameSync(join(all, left), path)
      break
    } catch {
      // Another attempt took it just now.
    }
  return {
    path,
    discard: () => {
      if (existsSync(all)) removeTree(all)
    },
  }
}

function newestFirst(folder: string): string[] {
  // As a rule there is nothing: to be told so by an error takes ten times as long.
  if (!existsSync(folder)) return []
  try {
    const names = readdirSync(folder).map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs }))
    return names.sort((a, b) => b.at - a.at).map(({ name }) => name)
  } catch {
    // Nothing to go on from.
    return []
  }
}
