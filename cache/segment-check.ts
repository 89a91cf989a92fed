import { fstatSync, readSync } from 'node:fs'
import { checkFile, type FileCheck, stretch } from './log-check.ts'
import { decodeRow, type FoundRow, LONGEST_RECORD, scanRows } from './segment.ts'

const PIECE = 16 << 20
const SEAL_BYTES = 48

/**
 * Checks every row of a segment against its checksum, a piece at a time, and hands over those that are whole, with
 * their JSON text. What stands between two whole rows is damaged; what follows the last one was cut off by a crash, or
 * is being written.
 */
export function checkSegment(path: string, onRow: (row: FoundRow, json: string) => void = () => {}): FileCheck {
  return checkFile(path, (fd, found) => {
    const { size } = fstatSync(fd)
    let at = 0
    /** Where a stretch began that nothing whole was found in yet. */
    let bad: number | undefined
    for (let room = PIECE; at < size; ) {
      const bytes = Buffer.allocUnsafe(Math.min(room, size - at))
      const got = readSync(fd, bytes, 0, bytes.length, at)
      const piece = bytes.subarray(0, got)
      let end = 0
      const { used, sealed } = scanRows(piece, (row) => {
        const from = bad ?? at + end
        if (from < at + row.offset) found.damaged.push(stretch(from, readStretch(fd, from, at + row.offset - from)))
        bad = undefined
        end = row.offset + row.length
        const json = textOf(piece.subarray(row.offset, end), row)
        if (json === undefined) found.damaged.push(stretch(at + row.offset, piece.subarray(row.offset, end)))
        else {
          found.good++
          onRow({ ...row, offset: at + row.offset }, json)
        }
      })
      // A seal is a whole record that is no row; what lies before it may be damaged.
      const rows = sealed ? used - SEAL_BYTES : used
      if (rows > end) found.damaged.push(stretch(bad ?? at + end, piece.subarray(end, rows)))
      at += used
      if (got === 0 || at + piece.length - used >= size) break
      if (used > 0) {
        room = PIECE
        continue
      }
      if (room > 2 * LONGEST_RECORD) {
        bad ??= at
        at += room >> 1
      } else room *= 2
    }
    found.torn = size - (bad ?? at)
  })
}

function textOf(record: Buffer, { key }: FoundRow): string | undefined {
  try {
    return decodeRow(record, key)
  } catch {
    return undefined
  }
}

function readStretch(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.min(length, 2 * LONGEST_RECORD))
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset))
}
