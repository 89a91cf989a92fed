import { open } from 'node:fs/promises'
import { type Json, StageError } from '../define.ts'
import { unreadable } from './bytes.ts'
import type { Fields } from './records.ts'

/** Rows decoded at once: enough to be fast, few enough for long texts. */
const BATCH = 2048

/**
 * Rows of a Parquet file, streamed a part of a row group at a time; each with its number, from 1. Whole numbers beyond
 * what JSON can hold exactly are given as text.
 */
export async function* parquetBatches(
  location: string,
  shown: string,
): AsyncGenerator<{ rows: Fields[]; lines: number[] }> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(location, 'r')
  } catch (error) {
    throw unreadable(error, shown)
  }
  try {
    const { size } = await handle.stat()
    const file = {
      byteLength: size,
      async slice(start: number, end: number = size): Promise<ArrayBuffer> {
        const bytes = new Uint8Array(end - start)
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        if (bytesRead !== bytes.length) throw new Error('the file ends too early')
        return bytes.buffer
      },
    }
    const metadata = await parquetMetadataAsync(file)
    let start = 0
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows)
      for (let from = start; from < end; from += BATCH) {
        const to = Math.min(from + BATCH, end)
        const found = await parquetReadObjects({
          file,
          metadata,
          compressors,
          rowStart: from,
          rowEnd: to,
          useOffsetIndex: true,
        })
        yield { rows: found.map(plainRow), lines: found.map((_, i) => from + i + 1) }
      }
      start = end
    }
  } catch (error) {
    if (error instanceof StageError || (error as NodeJS.ErrnoException).code !== undefined)
      throw unreadable(error, shown)
    throw new StageError(`not a Parquet file that can be read: ${(error as Error).message}`, {
      where: shown,
      advice: 'Download or write it again.',
      cause: error,
    })
  } finally {
    await handle.close()
  }
}

function plainRow(row: { readonly [name: string]: unknown }): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(row)) fields[name] = plain(value)
  return fields
}

function plain(value: unknown): Json {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) return null
  return plainRow(value as { [name: string]: unknown })
}
