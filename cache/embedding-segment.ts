import { crc32 } from 'node:zlib'

/*
 * A segment of embeddings is a sequence of batches, little-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 0-3 | magic |
 * | 4-7 | crc32 of bytes 8 to the end of the keys |
 * | 8-11 | rows n |
 * | 12-15 | floats of a row d |
 * | 16- | n keys of 32 bytes (sha256 of the exact text) |
 * | then | n rows: crc32 of key and vector (4 bytes), d floats |
 *
 * Keys stand together, so that a segment is indexed by hops from batch to batch without reading a vector; each row has
 * a checksum of its own, so that damage costs that row alone.
 */
const MAGIC = Buffer.from([0xf7, 0x51, 0x4c, 0xe1])
const HEAD_BYTES = 16

/** Bytes of a key. */
export const KEY_BYTES = 32
/** Rows of the largest batch; a greater number is damage. */
export const MOST_ROWS: number = 1 << 16

/** Bytes of a stored row of `dimensions` floats, its checksum first. */
export function rowBytes(dimensions: number): number {
  return 4 + 4 * dimensions
}

/** The bytes of a batch; `keys` and `vectors` belong together row by row. */
export function encodeBatch(keys: Uint8Array, vectors: Float32Array, dimensions: number): Buffer {
  const rows = keys.length / KEY_BYTES
  if (rows === 0 || rows > MOST_ROWS || vectors.length !== rows * dimensions)
    throw new RangeError(`${rows} keys and ${vectors.length} floats are no batch of ${dimensions} dimensions`)
  const stride = rowBytes(dimensions)
  const start = HEAD_BYTES + keys.length
  const bytes = Buffer.allocUnsafe(start + rows * stride)
  MAGIC.copy(bytes)
  bytes.writeUInt32LE(rows, 8)
  bytes.writeUInt32LE(dimensions, 12)
  bytes.set(keys, HEAD_BYTES)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, start)), 4)
  const floats = Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength)
  for (let row = 0; row < rows; row++) {
    const at = start + row * stride
    const vector = floats.subarray(row * dimensions * 4, (row + 1) * dimensions * 4)
    bytes.writeUInt32LE(checksum(keys.subarray(row * KEY_BYTES, (row + 1) * KEY_BYTES), vector), at)
    bytes.set(vector, at + 4)
  }
  return bytes
}

/** Whether a stored row is whole and belongs to the key. */
export function isWhole(row: Buffer, key: Uint8Array): boolean {
  return row.readUInt32LE(0) === checksum(key, row.subarray(4))
}

/** A batch that was found: where it begins and ends, and its keys. */
export interface FoundBatch {
  offset: number
  rows: number
  keys: Buffer
  /** Where its first row stands. */
  start: number
  end: number
}

const LOOK_BYTES = HEAD_BYTES + 64 * KEY_BYTES

/**
 * The whole batches from `offset` on, in their order; `read` gives bytes of the segment, `size` is how many there are.
 * Ends at the first place where none begins: a batch that is being written, was cut off, or is damaged.
 */
export function* batchesFrom(
  read: (offset: number, length: number) => Buffer,
  offset: number,
  size: number,
  dimensions: number,
): Generator<FoundBatch> {
  for (let at = offset; at + HEAD_BYTES <= size; ) {
    let bytes = read(at, Math.min(LOOK_BYTES, size - at))
    if (bytes.length < HEAD_BYTES || bytes.compare(MAGIC, 0, 4, 0, 4) !== 0) return
    const rows = bytes.readUInt32LE(8)
    if (rows === 0 || rows > MOST_ROWS || bytes.readUInt32LE(12) !== dimensions) return
    const start = HEAD_BYTES + rows * KEY_BYTES
    const end = at + start + rows * rowBytes(dimensions)
    if (end > size) return
    if (bytes.length < start) bytes = read(at, start)
    if (bytes.length < start || crc32(bytes.subarray(8, start)) !== bytes.readUInt32LE(4)) return
    yield { offset: at, rows, keys: bytes.subarray(HEAD_BYTES, start), start: at + start, end }
    at = end
  }
}

function checksum(key: Uint8Array, vector: Uint8Array): number {
  return crc32(vector, crc32(key))
}
