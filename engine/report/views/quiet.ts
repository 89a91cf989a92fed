import { failureText } from '../failure-text.ts'
import type { Sink, View } from '../view.ts'

/** Says nothing but what went wrong. */
export function quietView(out: Sink): View {
  return {
    event: (event) => {
      if (event.type === 'node-failed') out.write(`${event.node} failed: ${failureText(event.failure)}\n`)
    },
    notice: () => {},
    close: () => Promise.resolve(),
  }
}
