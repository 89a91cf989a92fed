import { keepSecret } from '../../engine/util/secrets.ts'
import { type ModelEndpoint, StageError } from '../define.ts'
import { type ModelBlock, pricesOf } from './block.ts'
import { Budget } from './budget.ts'
import type { BulkTransport } from './bulk.ts'
import { Pace } from './pace.ts'
import { probe, waitUntil } from './probe.ts'

/** How long an endpoint that answered once may be away before the stage gives up on it. */
const AWAY_MS = 120_000
/** The same for one that was never seen: its address is more likely wrong. */
const UNSEEN_MS = 10_000

/** An endpoint that somebody else runs. The key comes from the environment and goes nowhere but into requests. */
export async function leaseEndpoint(
  name: string,
  block: ModelBlock,
  signal: AbortSignal,
  seams: { awayMs?: number; unseenMs?: number; everyMs?: number } = {},
  bulk?: (baseUrl: string, apiKey: string) => Promise<BulkTransport & { close(): Promise<void> }>,
): Promise<ModelEndpoint & { stop(): Promise<void> }> {
  const variable = block.api_key_env
  const apiKey = variable === undefined ? '' : (process.env[variable] ?? '').trim()
  keepSecret(apiKey)
  if (variable !== undefined && apiKey === '') {
    throw new StageError(`model ${name} needs its API key in the environment variable ${variable}, which is not set`, {
      advice: `Set it, e.g. \`export ${variable}=…\`; the key is never stored.`,
    })
  }
  // What can't stand in a header would be told of together with the header.
  if (!/^[\x21-\x7e]*$/.test(apiKey)) {
    throw new StageError(`the API key of model ${name} in ${variable} has characters that no key has`, {
      advice: 'A key has letters, digits and marks on one line: look at how the variable is set.',
    })
  }
  const baseUrl = (block.endpoint ?? '').replace(/\/+$/, '')
  let recovering: Promise<void> | undefined
  const reach = async (withinMs: number): Promise<void> => {
    // Any answer, be it a refusal, shows that somebody is there.
    const there = await waitUntil(async () => (await probe(`${baseUrl}/models`, { apiKey, signal })) !== undefined, {
      withinMs,
      everyMs: seams.everyMs ?? 2_000,
      signal,
    })
    if (there) return
    signal.throwIfAborted()
    throw new StageError(`the endpoint of model ${name} can't be reached: ${baseUrl}`, {
      advice: 'Check `endpoint`, the network, and that the server runs. Every answer so far is kept.',
      transient: true,
    })
  }
  await reach(seams.unseenMs ?? UNSEEN_MS)
  const prices = pricesOf(block)
  const transport = await bulk?.(baseUrl, apiKey)
  return {
    baseUrl,
    apiKey,
    ...(transport === undefined ? {} : { bulk: transport }),
    model: block.model ?? '',
    pace: new Pace(block.rate_limits),
    ...(prices === undefined ? {} : { prices }),
    ...(block.spending_limit === undefined
      ? {}
      : { budget: new Budget(`model ${name}`, block.spending_limit, prices ?? {}) }),
    provenance: { endpoint: baseUrl },
    recovered() {
      recovering ??= reach(seams.awayMs ?? AWAY_MS).finally(() => {
        recovering = undefined
      })
      return recovering
    },
    async stop() {
      await transport?.close()
    },
  }
}
