import { closeSync, openSync, readSync } from 'node:fs'
import { sha256Stream } from '../../cache/digest.ts'
import { isMissing } from '../../cache/store-error.ts'

/** What reading a file to its end came to. */
export type HashedFile = { digest: string; bytes: number } | { missing: true } | { refused: string }

const PIECE = 1 << 20

/** The sha256 of a file's bytes as they are on the disk now, read a piece at a time. */
export function hashFile(path: string): HashedFile {
  try {
    const fd = openSync(path, 'r')
    try {
      const running = sha256Stream()
      const piece = Buffer.allocUnsafe(PIECE)
      let bytes = 0
      for (let got = -1; got !== 0; bytes += got) {
        got = readSync(fd, piece, 0, PIECE, bytes)
        running.update(piece.subarray(0, got))
      }
      return { digest: running.digest(), bytes }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return isMissing(error) ? { missing: true } : { refused: (error as Error).message }
  }
}
