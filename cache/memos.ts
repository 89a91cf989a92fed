import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from './canonical.ts'
import { hexOf, sha256 } from './digest.ts'
import { freshNonce } from './durable.ts'

/** What pure computations came to, by all that decides it. Anything of it may be gone at any time, and is computed again. */
export interface Memos {
  /** The bytes that were remembered for exactly this, if they are whole. */
  recall(of: CanonicalValue): Buffer | undefined
  /** Failing to is no failure. */
  remember(of: CanonicalValue, bytes: Uint8Array): void
  forget(of: CanonicalValue): void
}

/** Bytes of all of them together; those that were not used for longest go first. */
const MOST_BYTES = 256 << 20
/** Longer ones are not kept. */
const LONGEST = 16 << 20
const DIGEST_BYTES = 32

/**
 * Memos in files below `folder`, each beside the digest of its bytes. `build` names the code that computes: what another
 * has remembered is not believed. Without it nothing is remembered.
 */
export function openMemos(folder: string, build: string | undefined, mostBytes: number = MOST_BYTES): Memos {
  if (build === undefined) return { recall: () => undefined, remember() {}, forget() {} }
  const pathOf = (of: CanonicalValue): string => join(folder, hexOf(sha256(canonicalBytes('memo', { build, of }))))
  return {
    recall(of) {
      const path = pathOf(of)
      try {
        const stored = readFileSync(path)
        const bytes = stored.subarray(DIGEST_BYTES)
        if (!digestOf(bytes).equals(stored.subarray(0, DIGEST_BYTES))) return undefined
        const now = new Date()
        utimesSync(path, now, now)
        return bytes
      } catch {
        return undefined
      }
    },
    remember(of, bytes) {
      if (bytes.length > LONGEST) return
      const path = pathOf(of)
      const temporary = `${path}.${freshNonce()}.tmp`
      try {
        mkdirSync(folder, { recursive: true })
        try {
          writeFileSync(temporary, Buffer.concat([digestOf(bytes), bytes]))
          renameSync(temporary, path)
        } finally {
          rmSync(temporary, { force: true })
        }
        trim(folder, mostBytes)
      } catch {
        // The disk is full or read-only: whatever must be written will say so.
      }
    },
    forget: (of) => rmSync(pathOf(of), { force: true }),
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return Buffer.from(hexOf(sha256(bytes)), 'hex')
}

function trim(folder: string, mostBytes: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false })
    return stats ? [{ name, size: stats.size, at: stats.mtimeMs }] : []
  })
  let bytes = 0
  for (const { name, size } of files.sort((a, b) => b.at - a.at)) {
    bytes += size
    if (bytes > mostBytes) rmSync(join(folder, name), { force: true })
  }
}
