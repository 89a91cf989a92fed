import { closeSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Redactor } from '../util/redactor.ts'

/** How long what a process has left in its pipes may take to be read when it has ended. */
const DRAIN_MS = 1_000

/** The log of a process that knows secrets. */
export interface RedactedLog {
  /** To be called when the process is gone: what still holds its pipes open is waited for no longer than a second. */
  processEnded(): void
  /** Resolves when the log is complete. */
  closed: Promise<void>
}

/**
 * Writes what comes out of the pipes of a process to an open log, secrets taken out, and closes it. A disk that refuses
 * ends the log, not the process.
 */
export function redactedLog(pipes: readonly Readable[], log: number, redactor: Redactor): RedactedLog {
  let refused = false
  const write = (bytes: Buffer): void => {
    try {
      for (let at = 0; !refused && at < bytes.length; ) at += writeSync(log, bytes, at)
    } catch {
      refused = true
    }
  }
  const ends = pipes.map((pipe) => {
    const stream = redactor.stream(write)
    pipe.on('data', (piece: Buffer) => stream.push(piece))
    pipe.on('error', () => {})
    return new Promise<void>((resolve) => {
      pipe.on('close', () => {
        stream.end()
        resolve()
      })
    })
  })
  const closed = Promise.all(ends).then(() => closeSync(log))
  return {
    closed,
    processEnded() {
      const timer = setTimeout(() => {
        for (const pipe of pipes) pipe.destroy()
      }, DRAIN_MS)
      void closed.then(() => clearTimeout(timer))
    },
  }
}
