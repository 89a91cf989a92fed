import type { Registry, StageContext } from '../../stages/define.ts'

type OpenAsker = Registry['models']['asker']

/** Asks models for a node's stage; what it takes is loaded at the first question. */
export interface LazyAsker {
  ask: StageContext<never>['ask']
  /** Every answer is on the disk, every model given back. Nothing may be asked afterwards. */
  close(): Promise<void>
}

/** An asker with these services. */
export function lazyAsker(open: OpenAsker, services: Parameters<OpenAsker>[0]): LazyAsker {
  let asker: ReturnType<OpenAsker> | undefined
  return {
    async ask(llm, requests, settings) {
      asker ??= open(services)
      return (await asker).ask(llm, requests, settings)
    },
    async close() {
      const closing = asker
      asker = undefined
      await (await closing)?.close()
    },
  }
}
