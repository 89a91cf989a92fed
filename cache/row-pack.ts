import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compareUtf8 } from './canonical.ts'
import { hexOf, type RowKey, type Sha256, sha256 } from './digest.ts'
import { freshNonce, fsyncFolder } from './durable.ts'
import { receiveFile } from './receive-file.ts'
import type { PackEntry } from './remote-index.ts'
import type { RowStore, RowValue } from './row-store.ts'
import { encodeRow, encodeSeal } from './segment.ts'
import { asStoreError, isMissing } from './store-error.ts'

/** A pack is closed when it is this long: what is wanted of it is downloaded with all of it. */
const PACK_BYTES = 8 << 20
const BATCH = 4096
const PREFIX_BYTES = 8

/** Packs of stored rows, in the order of the keys, so that the same rows make the same packs. */
export async function* makePacks(
  rows: RowStore,
  keys: readonly RowKey[],
  group: Pick<PackEntry, 'kind' | 'model'>,
): AsyncGenerator<{ entry: PackEntry; bytes: Buffer }> {
  const sorted = [...new Set(keys)].sort(compareUtf8)
  let records: Buffer[] = []
  let packed: RowKey[] = []
  let size = 0
  const close = (): { entry: PackEntry; bytes: Buffer } => {
    const bytes = Buffer.concat([...records, encodeSeal()])
    const prefixes = Buffer.concat(packed.map((key) => Buffer.from(hexOf(key), 'hex').subarray(0, PREFIX_BYTES)))
    const entry = {
      ...group,
      pack: sha256<'pack'>(bytes),
      size: bytes.length,
      rows: packed.length,
      keys: prefixes.toString('base64'),
    }
    records = []
    packed = []
    size = 0
    return { entry, bytes }
  }
  for (let at = 0; at < sorted.length; at += BATCH) {
    for (const [key, { value, round }] of await observed(rows, sorted.slice(at, at + BATCH))) {
      const record = encodeRow(key, JSON.stringify(value), round)
      records.push(record)
      packed.push(key)
      size += record.length
      if (size >= PACK_BYTES) yield close()
    }
  }
  if (packed.length > 0) yield close()
}

/** The rows with the round that each was observed in. */
async function observed(
  rows: RowStore,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, { value: RowValue; round: number }>> {
  const found = new Map<RowKey, { value: RowValue; round: number }>()
  for (const [key, value] of await rows.getMany(keys)) found.set(key, { value, round: 0 })
  for (let round = 1; round <= rows.lastRound(); round++) {
    for (const [key, value] of await rows.getMany(keys, round)) found.set(key, { value, round })
  }
  return found
}

/** Which packs may hold a row: by the beginnings of keys, so that one in billions is looked for in vain. */
export class PackLookup {
  readonly #sorted: BigUint64Array

  constructor(packs: readonly PackEntry[]) {
    const tables = packs.map(({ keys }) => Buffer.from(keys, 'base64'))
    this.#sorted = new BigUint64Array(tables.reduce((sum, table) => sum + Math.floor(table.length / PREFIX_BYTES), 0))
    let at = 0
    for (const [number, table] of tables.entries()) {
      for (let from = 0; from + PREFIX_BYTES <= table.length; from += PREFIX_BYTES) {
        this.#sorted[at++] = ((table.readBigUInt64BE(from) >> PACK_BITS) << PACK_BITS) | BigInt(number)
      }
    }
    this.#sorted.sort()
  }

  /** Numbers of the packs that may hold a row. */
  find(key: RowKey): number[] {
    const wanted = (BigInt(`0x${hexOf(key).slice(0, 2 * PREFIX_BYTES)}`) >> PACK_BITS) << PACK_BITS
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sorted[middle] as bigint) < wanted) low = middle + 1
      else high = middle
    }
    const packs: number[] = []
    for (; low < this.#sorted.length; low++) {
      const found = this.#sorted[low] as bigint
      if (found >> PACK_BITS !== wanted >> PACK_BITS) break
      packs.push(Number(found & ((1n << PACK_BITS) - 1n)))
    }
    return packs
  }
}

/** Bits of a table's entry that number the pack; the others are the beginning of the key. */
const PACK_BITS = 20n

/** Whether the segment made of a pack is in a folder of rows. */
export function hasPack(folder: string, pack: Sha256<'pack'>): boolean {
  const ending = segmentEnding(pack)
  try {
    return readdirSync(folder).some((name) => name.endsWith(ending))
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Makes a pack a segment of a folder of rows, after those that are there; false if the bytes are not those it should have. */
export async function receivePack(
  folder: string,
  { pack, size }: Pick<PackEntry, 'pack' | 'size'>,
  source: AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const temporary = join(folder, `${freshNonce()}.tmp`)
  try {
    mkdirSync(folder, { recursive: true })
    if (!(await receiveFile(temporary, { digest: pack, size }, source, (file) => file.sync()))) return false
    renameSync(temporary, join(folder, String(Date.now()).padStart(15, '0') + segmentEnding(pack)))
    for (const place of [folder, dirname(folder), dirname(dirname(folder))]) await fsyncFolder(place)
    return true
  } catch (error) {
    throw asStoreError(error, 'rows', folder, size)
  } finally {
    rmSync(temporary, { force: true })
  }
}

function segmentEnding(pack: Sha256<'pack'>): string {
  return `-${hexOf(pack).slice(0, 16)}.seg`
}
