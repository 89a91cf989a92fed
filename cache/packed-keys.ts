import type { RowKey } from './digest.ts'

/** Bytes of one key where keys stand one behind the other. */
export const KEY_BYTES = 32

/** The key that stands at a byte. */
export function keyAt(keys: Buffer, at: number): RowKey {
  return `sha256:${keys.toString('hex', at, at + KEY_BYTES)}` as RowKey
}

/** Whether the same key stands at two places. */
export function isSameKey(keys: Buffer, at: number, others: Buffer, other: number): boolean {
  for (let i = 0; i < KEY_BYTES; i++) if (keys[at + i] !== others[other + i]) return false
  return true
}

/** The keys that bytes hold, wherever these come from. */
export function packedKeys(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
