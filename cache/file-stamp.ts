import type { BigIntStats } from 'node:fs'

/** Which file it is, whatever its path: two that exist at once never share it, one that comes later may. */
export function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

/** What changes whenever a file's bytes may have: ctime can't be set back. */
export function stampOf({ size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}`
}
