import { type FileHandle, open } from 'node:fs/promises'
import type { RecordedFile, RecordedOutput } from '../../cache/action-log.ts'

/** How one file of an output differs from the locked one; sizes and the offset in bytes. */
export type FileDifference = { output: string; path: string } & (
  | { kind: 'missing' | 'extra' }
  | { kind: 'different'; size: { locked: number; made: number }; offset: number }
  /** Only the executable bit differs. */
  | { kind: 'mode' }
)

const PIECE = 1 << 16

/** Compares the files of two results, output by output and path by path. `locate` says where the bytes lie. */
export async function byteDifferences(
  locked: { readonly [output: string]: RecordedOutput },
  made: { readonly [output: string]: RecordedOutput },
  locate: (blob: RecordedFile['blob']) => string,
): Promise<FileDifference[]> {
  const found: FileDifference[] = []
  for (const output of [...new Set([...Object.keys(locked), ...Object.keys(made)])].sort()) {
    const before = new Map(locked[output]?.files.map((file) => [file.path, file]))
    const after = new Map(made[output]?.files.map((file) => [file.path, file]))
    for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
      const old = before.get(path)
      const now = after.get(path)
      if (!old || !now) found.push({ output, path, kind: old ? 'missing' : 'extra' })
      else if (old.blob !== now.blob) {
        const offset = await firstDifference(locate(old.blob), locate(now.blob))
        found.push({ output, path, kind: 'different', size: { locked: old.size, made: now.size }, offset })
      } else if (old.executable !== now.executable) found.push({ output, path, kind: 'mode' })
    }
  }
  return found
}

/** The offset of the first byte that differs; where one file is the beginning of the other, its length. */
async function firstDifference(a: string, b: string): Promise<number> {
  const one = await open(a)
  try {
    const other = await open(b)
    try {
      for (let offset = 0; ; offset += PIECE) {
        const [x, y] = await Promise.all([piece(one, offset), piece(other, offset)])
        const length = Math.min(x.length, y.length)
        for (let i = 0; i < length; i++) if (x[i] !== y[i]) return offset + i
        if (x.length !== y.length || length < PIECE) return offset + length
      }
    } finally {
      await other.close()
    }
  } finally {
    await one.close()
  }
}

async function piece(file: FileHandle, offset: number): Promise<Buffer> {
  const buffer = Buffer.alloc(PIECE)
  let length = 0
  for (let read = -1; read !== 0 && length < PIECE; length += read)
    read = (await file.read(buffer, length, PIECE - length, offset + length)).bytesRead
  return buffer.subarray(0, length)
}
