import type { RowStore } from '../../../cache/row-store.ts'
import { openBytes } from '../../data/bytes.ts'
import { jsonBatches } from '../../data/jsonl.ts'
import type { Passage } from '../../data/rows.ts'
import type { FirstKeys } from '../first-keys.ts'
import { toPassage } from '../passages.ts'
import type { SettledBatch, StoredBatch } from './settle.ts'

/** The next passages of a file: to be asked about, or with all that is written of them. */
export type Portion = readonly Passage[] | { settled: SettledBatch }

/** Who reads stored answers elsewhere. */
export interface Settling {
  /** How many batches are worth being handed over beforehand. */
  readonly ahead: number
  settle(batch: StoredBatch): Promise<SettledBatch | undefined>
}

interface Piece {
  bytes: Buffer
  lines: number
}

/**
 * The passages of a file in their order, so many at once. Those whose answers are all stored, by the keys of their first
 * requests, are handed to who settles them; where that does not come to an end, and where one is not stored, the passages
 * are given themselves.
 */
export async function* portionsOf(
  file: { location: string; path: string },
  most: number,
  { keys, perPassage, rows, settling }: { keys: FirstKeys; perPassage: number; rows: RowStore; settling: Settling },
): AsyncGenerator<Portion> {
  const begun: { piece: Piece; first: number; settled: Promise<SettledBatch | undefined> }[] = []
  const take = async (): Promise<Portion> => {
    const { piece, first, settled } = begun.shift()!
    const found = await settled
    return found ? { settled: found } : passagesIn(piece.bytes, file.path, first)
  }
  let lines = 0
  for await (const piece of piecesOf(openBytes(file.location, file.path), most)) {
    const from = lines * perPassage
    const located = await rows.locate?.(keys.part(from, piece.lines * perPassage))
    const settled = located ? settling.settle({ lines: piece.bytes, rows: located }) : Promise.resolve(undefined)
    // It is awaited in its turn.
    settled.catch(() => {})
    begun.push({ piece, first: lines + 1, settled })
    lines += piece.lines
    while (begun.length > settling.ahead) yield await take()
  }
  while (begun.length > 0) yield await take()
}

async function passagesIn(bytes: Buffer, shown: string, first: number): Promise<Passage[]> {
  const passages: Passage[] = []
  const chunks = (async function* () {
    yield bytes
  })()
  for await (const { rows, lines } of jsonBatches(chunks, shown, undefined, first))
    for (const [i, row] of rows.entries()) passages.push(toPassage(row, `${shown}:${lines[i]}`))
  return passages
}

/** Whole lines, so many at once. */
async function* piecesOf(chunks: AsyncIterable<Buffer>, most: number): AsyncGenerator<Piece> {
  let rest = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    let lines = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, end + 1)) {
      if (++lines < most) continue
      yield { bytes: bytes.subarray(start, end + 1), lines }
      start = end + 1
      lines = 0
    }
    rest = Buffer.from(bytes.subarray(start))
  }
  if (rest.length === 0) return
  let lines = 0
  for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10, end + 1)) lines++
  yield { bytes: rest, lines: rest.at(-1) === 10 ? lines : lines + 1 }
}
