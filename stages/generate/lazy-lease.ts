import type { ModelEndpoint, ModelLeases, StageInput } from '../define.ts'

/** An endpoint that is leased at the first need, so that a node whose rows are all stored starts no server. */
export interface LazyLease {
  readonly llm: Extract<StageInput, { type: 'llm' }>
  get(): Promise<ModelEndpoint>
  /** What keeps it from being ready, in words, if anything does. */
  waitsFor(): string | undefined
  /** Gives the endpoint back if it was ever leased; one that is not ready yet is not waited for. */
  release(): Promise<void>
}

/** Leases `llm` once, however many ask, and holds it until released. */
export function lazyLease(models: ModelLeases, llm: Extract<StageInput, { type: 'llm' }>): LazyLease {
  let endpoint: Promise<ModelEndpoint> | undefined
  let use: Promise<void> | undefined
  let ready = false
  let end = (): void => {}
  const done = new Promise<void>((resolve) => {
    end = resolve
  })
  return {
    llm,
    get() {
      endpoint ??= new Promise((resolve, reject) => {
        use = models.use(llm, (leased) => {
          ready = true
          resolve(leased)
          return done
        })
        use.catch(reject)
      })
      return endpoint
    },
    waitsFor: () => (ready || endpoint === undefined ? undefined : models.waitsFor?.(llm)),
    async release() {
      end()
      // Whoever asked has been told of a lease that failed.
      if (ready) await use?.catch(() => {})
    },
  }
}
