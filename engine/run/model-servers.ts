import type { LeaseModel, ModelEndpoint, ModelLeases, StageInput, ToolsCache } from '../../stages/define.ts'
import type { GraphNode } from '../plan/node.ts'
import type { LocalProcesses } from './local-processes.ts'
import { modelId } from './model-id.ts'

type Llm = Extract<StageInput, { type: 'llm' }>
type Server = ModelEndpoint & { stop(): Promise<void> }

/** What starting a server needs and where its events go. */
export interface ServerServices {
  lease: LeaseModel
  /** Processes that see the cards lent to the server of this model. */
  processes(llm: Llm, id: string): Promise<LocalProcesses>
  /** Names of the cards lent to the server of this model. */
  cards(id: string): readonly string[]
  tools: ToolsCache
  logs: string
  /** Folder for batches on their way. */
  batches: string
  signal: AbortSignal
  onEvent(event: { type: 'server-started' | 'server-stopped' | 'warning'; note: string }): void
  /** Ends a server that nobody will need any more, by calling `stop`. */
  retire(id: string): Promise<void>
}

/**
 * One server a model, shared by the nodes that use it: started by the first, kept while a node that will need it has
 * not finished, stopped after the last, or earlier if its cards are needed elsewhere: then the next starts it again.
 */
export class ModelServers implements ModelLeases {
  readonly #services: ServerServices
  readonly #servers = new Map<string, Promise<Server>>()
  /** What starting servers wait for, by model. */
  readonly #notes = new Map<string, string>()
  /** Nodes that have not finished, by model. */
  readonly #waiting = new Map<string, Set<string>>()

  constructor(services: ServerServices, nodes: Iterable<GraphNode>) {
    this.#services = services
    for (const node of nodes) {
      for (const ref of node.inputs.values()) {
        if (ref.type !== 'llm') continue
        const id = modelId(ref.block, ref.identity)
        this.#waiting.set(id, (this.#waiting.get(id) ?? new Set()).add(node.id))
      }
    }
  }

  async use<Result>(llm: Llm, fn: (endpoint: ModelEndpoint) => Promise<Result>): Promise<Result> {
    const id = modelId(llm.model, llm.identity)
    let server = this.#servers.get(id)
    if (!server) {
      server = this.#start(llm, id)
      this.#servers.set(id, server)
      // The next node tries anew what could not be started.
      server.catch(() => this.#servers.delete(id))
    }
    return fn(await server)
  }

  waitsFor(llm: Llm): string | undefined {
    return this.#notes.get(modelId(llm.model, llm.identity))
  }

  /** Tells that a node will not need its models any more; stops servers that nobody waits for. */
  async done(node: GraphNode): Promise<void> {
    const stops: Promise<void>[] = []
    for (const [id, nodes] of this.#waiting) {
      if (nodes.delete(node.id) && nodes.size === 0) stops.push(this.#services.retire(id))
    }
    await Promise.all(stops)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((id) => this.stop(id)))
  }

  isUp(id: string): boolean {
    return this.#servers.has(id)
  }

  /** Ends a model's server, if there is one; resolves when nothing of it lives. */
  async stop(id: string): Promise<void> {
    const server = this.#servers.get(id)
    this.#servers.delete(id)
    await server?.then(
      (started) => started.stop(),
      () => {},
    )
  }

  async #start(llm: Llm, id: string): Promise<Server> {
    const { lease, tools, logs, batches, signal, onEvent } = this.#services
    const processes = await this.#services.processes(llm, id)
    const gone = async (): Promise<void> => {
      if (await processes.gone()) return
      onEvent({ type: 'warning', note: `something that the server of model ${llm.name} started can't be ended` })
    }
    const tell = (note: string | undefined): void => {
      if (note === undefined) this.#notes.delete(id)
      else this.#notes.set(id, note)
    }
    try {
      const server = await lease(llm, { processes, tools, logs, batches, signal, onEvent, tell })
      const end = server.stop.bind(server)
      const cards = this.#services.cards(id)
      // Not a copy: what the server takes on may change while it runs.
      return Object.assign(server, {
        provenance: { ...server.provenance, ...(cards.length > 0 ? { cards: [...cards] } : {}) },
        stop: async () => {
          await end()
          await gone()
        },
      })
    } catch (error) {
      await gone()
      throw error
    } finally {
      tell(undefined)
    }
  }
}
