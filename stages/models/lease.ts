import { isAbsolute, resolve } from 'node:path'
import type { LeaseModel } from '../define.ts'
import type { ModelBlock } from './block.ts'
import { BULK_WINDOW, type BulkTransport } from './bulk.ts'

/** Starts what a model needs: a server for `serve`; a look at the environment for `endpoint`; nothing for `exchange`. */
export const leaseModel: LeaseModel = async (llm, services) => {
  const block = llm.model as ModelBlock
  if (block.serve !== undefined) return (await import('./lease-server.ts')).leaseServer(llm, services)
  if (block.exchange !== undefined) return leaseExchange(block, llm.folder)
  const { leaseEndpoint } = await import('./endpoint.ts')
  const bulk = block.batch ? batches(llm.name, block, services) : undefined
  return leaseEndpoint(llm.name, block, services.signal, {}, bulk)
}

function batches(
  name: string,
  block: ModelBlock,
  { batches: folder, signal, onEvent }: Parameters<LeaseModel>[1],
): (baseUrl: string, apiKey: string) => Promise<BulkTransport & { close(): Promise<void> }> {
  const {
    max_requests: maxRequests = BULK_WINDOW,
    window = '24h',
    on_interrupt: onInterrupt = 'keep',
  } = typeof block.batch === 'object' ? block.batch : {}
  return async (endpoint, apiKey) => {
    const { openBatchApi } = await import('./batch-api.ts')
    const { BatchStore } = await import('./batch-store.ts')
    const { BatchTransport } = await import('./batch-transport.ts')
    const api = openBatchApi(endpoint, apiKey, signal)
    const transport = new BatchTransport({
      api,
      store: new BatchStore(folder),
      endpoint,
      model: block.model ?? '',
      prefix: new URL(endpoint).pathname.replace(/\/+$/, ''),
      maxRequests,
      window,
      onInterrupt,
      tell: (note) => onEvent({ type: 'warning', note: `model ${name}: ${note}` }),
    })
    return Object.assign(transport, { close: () => api.close() })
  }
}

async function leaseExchange(block: ModelBlock, folder: string): ReturnType<LeaseModel> {
  const { ExchangeTransport } = await import('./exchange-transport.ts')
  const path = block.exchange ?? ''
  const place = isAbsolute(path) ? path : resolve(folder, path)
  const bulk = new ExchangeTransport(place, block.model ?? '')
  return {
    baseUrl: '',
    apiKey: '',
    model: block.model ?? '',
    bulk,
    provenance: { exchange: true },
    recovered: async () => {},
    stop: async () => bulk.close(),
  }
}
