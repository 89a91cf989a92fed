import { createInterface } from 'node:readline/promises'

/** Asks on a terminal; whoever ends it (Ctrl-C, Ctrl-D) makes the question reject. */
export interface Asker {
  /** The answer, or the proposal where nothing was typed; asked again until `accepts` has nothing to say. */
  ask(question: string, proposal: string, accepts?: (answer: string) => string | undefined): Promise<string>
  close(): void
}

/** Thrown where somebody would rather not answer. */
export class NoAnswer extends Error {}

/** Questions on standard error, so that standard output stays for data. */
export function openAsker(): Asker {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new AbortController()
  lines.on('close', () => ended.abort())
  return {
    async ask(question, proposal, accepts = () => undefined) {
      for (;;) {
        const typed = await lines
          .question(`${question}${proposal === '' ? '' : ` [${proposal}]`}: `, { signal: ended.signal })
          .catch(() => {
            throw new NoAnswer()
          })
        const answer = typed.trim() === '' ? proposal : typed.trim()
        const trouble = accepts(answer)
        if (trouble === undefined) return answer
        process.stderr.write(`  ${trouble}\n`)
      }
    },
    close: () => lines.close(),
  }
}
