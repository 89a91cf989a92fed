import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { isMissing } from './store-error.ts'

/** A stretch of a file that does not hold what was written there. */
export interface DamagedStretch {
  offset: number
  length: number
  /** Checksum of the bytes as they are, so that the same damage is known again. */
  bytes: string
}

/** What a look at every line, or every record, of an append-only file found. */
export interface FileCheck {
  /** Whole ones. */
  good: number
  damaged: DamagedStretch[]
  /** Bytes at the end that a crash may have cut off, or that somebody is writing. */
  torn: number
}

const PIECE = 8 << 20
const NEWLINE = 10
const CHECKSUM = 8

/** Checks every line of a log against its checksum, a piece at a time; a file that is not there has no lines. */
export function checkLog(path: string): FileCheck {
  return checkFile(path, (fd, found) => {
    let rest = Buffer.alloc(0)
    let offset = 0
    const piece = Buffer.allocUnsafe(PIECE)
    for (;;) {
      const got = readSync(fd, piece, 0, PIECE, offset + rest.length)
      if (got === 0) break
      const bytes = Buffer.concat([rest, piece.subarray(0, got)])
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        const line = bytes.subarray(start, end)
        if (isWhole(line)) found.good++
        else if (line.length > 0) found.damaged.push(stretch(offset + start, line))
        start = end + 1
      }
      offset += start
      rest = Buffer.from(bytes.subarray(start))
    }
    found.torn = rest.length
  })
}

/** Looks at a file that is there; one that is not holds nothing, and nothing of it is damaged. */
export function checkFile(path: string, look: (fd: number, found: FileCheck) => void): FileCheck {
  const found: FileCheck = { good: 0, damaged: [], torn: 0 }
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (isMissing(error)) return found
    throw error
  }
  try {
    look(fd, found)
  } finally {
    closeSync(fd)
  }
  return found
}

/** A stretch of damaged bytes. */
export function stretch(offset: number, bytes: Buffer): DamagedStretch {
  return { offset, length: bytes.length, bytes: crc32(bytes).toString(16).padStart(8, '0') }
}

function isWhole(line: Buffer): boolean {
  if (line.length <= CHECKSUM + 1 || line[CHECKSUM] !== 32) return false
  const sum = crc32(line.subarray(CHECKSUM + 1))
    .toString(16)
    .padStart(CHECKSUM, '0')
  return line.toString('latin1', 0, CHECKSUM) === sum
}
