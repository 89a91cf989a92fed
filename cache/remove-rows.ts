import { closeSync, fsyncSync, openSync, readdirSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RowKey } from './digest.ts'
import { freshNonce, fsyncFolder } from './durable.ts'
import { encodeSeal, type FoundRow } from './segment.ts'
import { checkSegment } from './segment-check.ts'
import { asStoreError } from './store-error.ts'

/**
 * Removes every observation of these rows below `folder`. A segment that holds some is written anew without them, put
 * in its place in the order of segments and then removed: killed in between, it leaves rows twice or not yet removed.
 * Call it while nobody asks for rows: a process that has read the old segments would ask again for what it can't find.
 */
export async function removeRows(folder: string, keys: ReadonlySet<RowKey>): Promise<{ rows: number; bytes: number }> {
  const removed = { rows: 0, bytes: 0 }
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.seg'))) {
    const path = join(folder, name)
    const kept: FoundRow[] = []
    let hits = 0
    checkSegment(path, (row) => {
      if (!keys.has(row.key)) {
        kept.push(row)
        return
      }
      hits++
      removed.bytes += row.length
    })
    if (hits === 0) continue
    removed.rows += hits
    try {
      if (kept.length > 0) copyRows(path, kept, join(folder, `${name.split('-', 1)[0]}-${freshNonce()}.seg`))
      await fsyncFolder(folder)
      rmSync(path, { force: true })
      await fsyncFolder(folder)
    } catch (error) {
      throw asStoreError(error, 'rows', folder)
    }
  }
  return removed
}

function copyRows(from: string, rows: readonly FoundRow[], to: string): void {
  const temporary = `${to}.tmp`
  const source = openSync(from, 'r')
  try {
    const target = openSync(temporary, 'wx')
    try {
      const write = (bytes: Buffer): void => {
        for (let at = 0; at < bytes.length; ) at += writeSync(target, bytes, at)
      }
      for (const { offset, length } of rows) {
        const record = Buffer.allocUnsafe(length)
        for (let at = 0; at < length; ) at += readSync(source, record, at, length - at, offset + at)
        write(record)
      }
      write(encodeSeal())
      fsyncSync(target)
    } finally {
      closeSync(target)
    }
    renameSync(temporary, to)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(source)
  }
}
