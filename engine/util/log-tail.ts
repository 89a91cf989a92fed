import { closeSync, openSync, readSync, statSync } from 'node:fs'

const BYTES = 4_096
const LINES = 15

/** Bytes of a log by now; 0 if there is none. What is written after this is what `logTail` should look at. */
export function logSize(log: string): number {
  return statSync(log, { throwIfNoEntry: false })?.size ?? 0
}

/** The last lines of a log that were written behind byte `from`: at most 15 lines and 4 KiB. */
export function logTail(log: string, from = 0): string {
  return logEnd(log, from, BYTES).trimEnd().split('\n').slice(-LINES).join('\n')
}

/** The end of what was written to a log behind byte `from`, at most so many bytes. */
export function logEnd(log: string, from: number, bytes: number): string {
  const size = logSize(log)
  const length = Math.min(size - from, bytes)
  if (length <= 0) return ''
  const file = openSync(log, 'r')
  try {
    const read = Buffer.alloc(length)
    readSync(file, read, 0, length, size - length)
    return read.toString('utf8')
  } finally {
    closeSync(file)
  }
}
