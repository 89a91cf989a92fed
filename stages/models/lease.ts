import type { LeaseModel } from '../define.ts'
import type { ModelBlock } from './block.ts'

/** Starts what a model needs: a server for `serve`, nothing but a look at the environment for `endpoint`. */
export const leaseModel: LeaseModel = async (llm, services) => {
  const block = llm.model as ModelBlock
  if (block.endpoint !== undefined) {
    const { leaseEndpoint } = await import('./endpoint.ts')
    return leaseEndpoint(llm.name, block, services.signal)
  }
  const { leaseServer } = await import('./lease-server.ts')
  return leaseServer(llm, services)
}
