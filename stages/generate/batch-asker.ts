import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { AskSettings, ModelLeases, RowAnswer, RowRequest, StageInput } from '../define.ts'
import type { Asking } from './ask.ts'
import { lazyLease } from './lazy-lease.ts'
import { type AskServices, RowAsker } from './row-asker.ts'

/** Requests whose rows are looked up in the store at once. */
const BATCH = 256

/** Answers lists of requests to the models of one node. Each model is leased at the first row that is not stored. */
export class BatchAsker {
  readonly #services: AskServices & { inputs: { readonly [name: string]: StageInput }; models: ModelLeases }
  readonly #backoffMs: Asking['backoffMs']
  readonly #askers = new Map<string, RowAsker>()

  constructor(
    services: AskServices & { inputs: { readonly [name: string]: StageInput }; models: ModelLeases },
    backoffMs?: Asking['backoffMs'],
  ) {
    this.#services = services
    this.#backoffMs = backoffMs
  }

  /** See `StageContext.ask`. */
  async ask(input: string, requests: readonly RowRequest[], settings: AskSettings): Promise<readonly RowAnswer[]> {
    const asker = this.#asker(input, settings)
    const stored = new Map<RowKey, CanonicalValue>()
    const keys = [...new Set(requests.map(({ key }) => key))]
    for (let at = 0; at < keys.length; at += BATCH)
      for (const [key, value] of await this.#services.rows.getMany(keys.slice(at, at + BATCH))) stored.set(key, value)
    const rows = await Promise.all(requests.map((request) => asker.answer(request, stored.get(request.key))))
    const answers = rows.filter((row) => row.kind !== 'halted')
    await asker.finish(answers.length === rows.length)
    return answers
  }

  async close(): Promise<void> {
    await this.#services.rows.flush()
    await Promise.all([...this.#askers.values()].map((asker) => asker.close()))
  }

  #asker(input: string, settings: AskSettings): RowAsker {
    const { concurrency, retries, request_timeout, spending_limit } = settings
    const id = JSON.stringify([input, concurrency, retries, request_timeout, spending_limit])
    let asker = this.#askers.get(id)
    if (!asker) {
      const llm = this.#services.inputs[input]
      if (llm?.type !== 'llm') throw new Error(`expected a language model at ${input}, got ${llm?.type}`)
      asker = new RowAsker(this.#services, settings, lazyLease(this.#services.models, llm), this.#backoffMs)
      this.#askers.set(id, asker)
    }
    return asker
  }
}
