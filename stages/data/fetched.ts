import { readdirSync } from 'node:fs'
import path from 'node:path'
import { canonicalBytes, compareUtf8 } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import type { RemotePart, ToolsCache } from '../define.ts'

/** The kind of folders of the tools cache that hold parts of datasets. */
export const DATASETS = 'dataset'

/** Names what was fetched by what pins it: the same content is kept once, wherever it came from. */
export function fetchedKey({ pin }: RemotePart): string {
  return hexOf(sha256(canonicalBytes('dataset', pin)))
}

/** What of a part lies in the tools cache: one file, or a folder and its files in order. */
export function fetched(part: RemotePart, tools: ToolsCache): { path: string; files?: readonly string[] } | undefined {
  const folder = tools.find(DATASETS, fetchedKey(part))
  if (folder === undefined) return undefined
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort(compareUtf8)
  return files.length === 1 ? { path: path.join(folder, files[0] as string) } : { path: folder, files }
}
