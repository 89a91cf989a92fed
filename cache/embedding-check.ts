import { fstatSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { batchesFrom, isWhole, KEY_BYTES, rowBytes } from './embedding-segment.ts'
import { DESCRIPTION, dimensionsOf } from './embedding-store.ts'
import { checkFile, type FileCheck, stretch } from './log-check.ts'
import { isMissing } from './store-error.ts'

/** The embeddings of one encoder. */
export interface EmbeddingFolder {
  path: string
  name: string
  dimensions: number | undefined
  /** When a stage opened it last. */
  usedMs: number
  /** Names of its segments, sorted. */
  segments: readonly string[]
}

/** What lies below a store's folder of embeddings. */
export function embeddingFolders(folder: string): EmbeddingFolder[] {
  return namesIn(folder).flatMap((name) => {
    if (!/^[0-9a-f]{64}$/.test(name)) return []
    const path = join(folder, name)
    const used = statSync(join(path, DESCRIPTION), { throwIfNoEntry: false })?.mtimeMs
    const segments = namesIn(path).filter((file) => file.endsWith('.seg'))
    const newest = segments.map((file) => statSync(join(path, file), { throwIfNoEntry: false })?.mtimeMs ?? 0)
    return [{ path, name, dimensions: dimensionsOf(path), usedMs: Math.max(used ?? 0, ...newest), segments }]
  })
}

/**
 * Checks every row of a segment against its checksum. What follows the last whole batch was cut off by a crash, is being
 * written, or is damaged from there on: none of it is ever used.
 */
export function checkEmbeddings(path: string, dimensions: number): FileCheck {
  return checkFile(path, (fd, found) => {
    const { size } = fstatSync(fd)
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.allocUnsafe(length)
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset))
    }
    const stride = rowBytes(dimensions)
    let end = 0
    for (const batch of batchesFrom(read, 0, size, dimensions)) {
      const rows = read(batch.start, batch.rows * stride)
      for (let i = 0; i < batch.rows; i++) {
        const row = rows.subarray(i * stride, (i + 1) * stride)
        if (isWhole(row, batch.keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES))) found.good++
        else found.damaged.push(stretch(batch.start + i * stride, row))
      }
      end = batch.end
    }
    found.torn = size - end
  })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return []
    throw error
  }
}
