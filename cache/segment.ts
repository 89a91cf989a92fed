import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { hexOf, type RowKey } from './digest.ts'
import { isSameKey, KEY_BYTES, keyAt } from './packed-keys.ts'

/*
 * One record of a segment file, little-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 0-3 | magic; no byte sequence of UTF-8 text |
 * | 4-7 | crc32 of everything from byte 8 to the record's end |
 * | 8-11 | length of the payload |
 * | 12 | 0: a row in plain JSON, 1: a row in raw deflate, 2: the segment is sealed |
 * | 13-15 | round of the observation; 0 but for answers that were asked for again |
 * | 16-47 | key (sha256) |
 * | 48- | payload |
 */
const KEY_AT = 16
const HEADER_BYTES: number = KEY_AT + KEY_BYTES

const MAGIC = Buffer.from([0xf7, 0x51, 0x4c, 0xfe])
const MAGIC_WORD = MAGIC.readUInt32BE(0)
const PLAIN = 0
const DEFLATED = 1
const SEAL = 2
/** The key that is compared with that of a record: one buffer for all, since nothing waits in between. */
const WANTED = Buffer.alloc(KEY_BYTES)
/** Longer answers are not stored; a longer length is a damaged one. */
const MAX_PAYLOAD = 64 << 20
/** Bytes of the longest record. */
export const LONGEST_RECORD: number = HEADER_BYTES + MAX_PAYLOAD
const WORTH_DEFLATING = 4096
const MAX_INFLATED = 256 << 20

/** The bytes of one row, observed in a round. Long payloads are compressed where that saves a quarter. */
export function encodeRow(key: RowKey, json: string, round = 0): Buffer {
  const plain = Buffer.from(json, 'utf8')
  if (plain.length >= WORTH_DEFLATING) {
    const deflated = deflateRawSync(plain, { level: 1 })
    if (deflated.length < plain.length * 0.75) return encode(DEFLATED, hexOf(key), deflated, round)
  }
  return encode(PLAIN, hexOf(key), plain, round)
}

/** The record that ends a segment to which nothing will be added. */
export function encodeSeal(): Buffer {
  return encode(SEAL, '0'.repeat(64), Buffer.alloc(0))
}

/**
 * The JSON text of the row that the record from `start` to `end` holds; undefined if it is damaged, of another length, or
 * belongs to another key.
 */
export function decodeRow(bytes: Buffer, key: RowKey, start = 0, end: number = bytes.length): string | undefined {
  WANTED.write(hexOf(key), 'hex')
  return decodeRowOf(bytes, WANTED, 0, start, end)
}

/** The same for the key that stands at a byte of many. */
export function decodeRowOf(bytes: Buffer, keys: Buffer, at: number, start: number, end: number): string | undefined {
  if (end > bytes.length || recordLength(bytes, start) !== end - start) return undefined
  if (!isSameKey(bytes, start + KEY_AT, keys, at)) return undefined
  if (bytes[start + 12] === PLAIN) return bytes.toString('utf8', start + HEADER_BYTES, end)
  const payload = bytes.subarray(start + HEADER_BYTES, end)
  return inflateRawSync(payload, { maxOutputLength: MAX_INFLATED }).toString('utf8')
}

/** Where a whole record was found, relative to the bytes that were scanned. */
export interface FoundRow {
  key: RowKey
  offset: number
  length: number
  round: number
}

/** Bytes at the beginning of a record that `roundOf` needs. */
export const ROUND_BYTES = 16

/** The round that the beginning of a record tells. */
export function roundOf(record: Buffer): number {
  return record.length < ROUND_BYTES ? 0 : record.readUIntLE(13, 3)
}

/**
 * Finds the records in `bytes`, which begin where a record should. Damaged stretches are stepped over to the
 * next place that holds a whole record. `used` counts the bytes that need not be looked at again: a record cut off at
 * the end may be completed by its writer.
 */
export function scanRows(bytes: Buffer, onRow: (row: FoundRow) => void): { used: number; sealed: boolean } {
  let used = 0
  let sealed = false
  while (used < bytes.length) {
    const length = recordLength(bytes, used)
    if (length === undefined) {
      const next = nextRecord(bytes, used)
      if (next === undefined) break
      used = next
      continue
    }
    if (bytes[used + 12] === SEAL) sealed = true
    else onRow({ key: keyAt(bytes, used + KEY_AT), offset: used, length, round: bytes.readUIntLE(used + 13, 3) })
    used += length
  }
  return { used, sealed }
}

function nextRecord(bytes: Buffer, damaged: number): number | undefined {
  for (let at = bytes.indexOf(MAGIC, damaged + 1); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
    if (recordLength(bytes, at) !== undefined) return at
  }
  return undefined
}

/** Length of the whole, undamaged record at `at`; undefined if there is none. */
function recordLength(bytes: Buffer, at: number): number | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== MAGIC_WORD) return undefined
  const payload = bytes.readUInt32LE(at + 8)
  const end = at + HEADER_BYTES + payload
  if (payload > MAX_PAYLOAD || end > bytes.length) return undefined
  return crc32(bytes.subarray(at + 8, end)) === bytes.readUInt32LE(at + 4) ? end - at : undefined
}

function encode(kind: number, key: string, payload: Buffer, round = 0): Buffer {
  if (payload.length > MAX_PAYLOAD)
    throw new RangeError(`an answer of ${payload.length} bytes is too long to be stored`)
  const record = Buffer.alloc(HEADER_BYTES + payload.length)
  MAGIC.copy(record)
  record.writeUInt32LE(payload.length, 8)
  record[12] = kind
  record.writeUIntLE(round, 13, 3)
  record.write(key, KEY_AT, 'hex')
  payload.copy(record, HEADER_BYTES)
  record.writeUInt32LE(crc32(record.subarray(8)), 4)
  return record
}
