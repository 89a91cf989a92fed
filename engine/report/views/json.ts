import type { Writable } from 'node:stream'
import type { View } from '../view.ts'

/** Writes every event as one line of JSON, exactly as it is; `close` waits until all of it has been handed over. */
export function jsonView(out: Writable): View {
  return {
    event: (event) => void out.write(`${JSON.stringify(event)}\n`),
    notice: () => {},
    close: () => new Promise((resolve) => out.write('', () => resolve())),
  }
}
