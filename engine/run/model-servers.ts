import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import type {
  LeaseModel,
  ModelEndpoint,
  ModelLeases,
  ProcessRunner,
  StageInput,
  ToolsCache,
} from '../../stages/define.ts'
import type { GraphNode } from '../plan/node.ts'

type Llm = Extract<StageInput, { type: 'llm' }>
type Server = ModelEndpoint & { stop(): Promise<void> }

/** What starting a server needs and where its events go. */
export interface ServerServices {
  lease: LeaseModel
  processes(): Promise<ProcessRunner>
  tools: ToolsCache
  logs: string
  signal: AbortSignal
  onEvent(event: { type: 'server-started' | 'server-stopped' | 'warning'; note: string }): void
}

/**
 * One server a model, shared by the nodes that use it: started by the first, kept while a node that will need it has
 * not finished, stopped after the last.
 */
export class ModelServers implements ModelLeases {
  readonly #services: ServerServices
  readonly #servers = new Map<string, Promise<Server>>()
  /** Nodes that have not finished, by model. */
  readonly #waiting = new Map<string, Set<string>>()

  constructor(services: ServerServices, nodes: Iterable<GraphNode>) {
    this.#services = services
    for (const node of nodes) {
      for (const ref of node.inputs.values()) {
        if (ref.type !== 'llm') continue
        const id = modelId(ref.block as CanonicalValue, ref.identity)
        this.#waiting.set(id, (this.#waiting.get(id) ?? new Set()).add(node.id))
      }
    }
  }

  async use<Result>(llm: Llm, fn: (endpoint: ModelEndpoint) => Promise<Result>): Promise<Result> {
    const id = modelId(llm.model as CanonicalValue, llm.identity)
    let server = this.#servers.get(id)
    if (!server) {
      server = this.#start(llm)
      this.#servers.set(id, server)
      // The next node tries anew what could not be started.
      server.catch(() => this.#servers.delete(id))
    }
    return fn(await server)
  }

  /** Tells that a node will not need its models any more; stops servers that nobody waits for. */
  async done(node: GraphNode): Promise<void> {
    const stops: Promise<void>[] = []
    for (const [id, nodes] of this.#waiting) {
      if (nodes.delete(node.id) && nodes.size === 0) stops.push(this.#stop(id))
    }
    await Promise.all(stops)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((id) => this.#stop(id)))
  }

  async #start(llm: Llm): Promise<Server> {
    const { lease, tools, logs, signal, onEvent } = this.#services
    return lease(llm, { processes: await this.#services.processes(), tools, logs, signal, onEvent })
  }

  async #stop(id: string): Promise<void> {
    const server = this.#servers.get(id)
    this.#servers.delete(id)
    await server?.then(
      (started) => started.stop(),
      () => {},
    )
  }
}

function modelId(block: CanonicalValue, identity: CanonicalValue): string {
  return sha256(canonicalBytes('lease', { block, identity }))
}
