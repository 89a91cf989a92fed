import { join } from 'node:path'
import type { ModelLeases, Registry, RemotePart } from '../../stages/define.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { keepSecret } from '../util/secrets.ts'
import { cardsEnvironment, declaredEnvironment, passedSecrets } from './child-environment.ts'
import type { Children } from './children.ts'
import { cardLocks } from './gpus/card-locks.ts'
import { GpuDesk } from './gpus/desk.ts'
import { type GpuNeeds, gpuNeeds, modelResources } from './gpus/needs.ts'
import { useOfCards } from './gpus/nvidia-smi.ts'
import { type LocalProcesses, localProcesses } from './local-processes.ts'
import type { Machine } from './machine.ts'
import { ModelServers, type ServerServices } from './model-servers.ts'

/** What nodes work with while they run: processes that see their cards, and servers of their models. */
export interface Provision {
  needs: ReadonlyMap<NodeId, GpuNeeds>
  gate: GpuDesk
  models: ModelLeases
  processes(node: GraphNode): Promise<LocalProcesses>
  /** Numbers of the cards lent to a node, among those of this machine that can be used. */
  cards(node: NodeId): readonly number[]
  /** Brings a part of a dataset to this machine, if it is not here. */
  fetch(part: RemotePart, signal: AbortSignal, tell: (note: string) => void): Promise<void>
  /** Takes back what a node held, once nothing lives that could use its cards. */
  leave(node: GraphNode): Promise<void>
  /** Ends all servers, and whatever children left behind. */
  close(): Promise<void>
}

/** Provides for these nodes of a run. */
export function provideFor(
  nodes: readonly GraphNode[],
  options: {
    temporary: string
    /** Of this run. */
    logs: string
    batches: string
    children: Children
    machine: Machine
    models: Registry['models']
    datasets: Registry['datasets']
    tools: ServerServices['tools'] & { readonly root: string }
    signal: AbortSignal
    onEvent: ServerServices['onEvent']
    onWait(node: NodeId, why: string): void
    /** Something that the node started can't be ended. */
    onLeft(node: NodeId): void
  },
): Provision {
  const { children, machine, models, datasets, tools, logs, batches, signal, onEvent } = options
  const start = (
    declared: { readonly [name: string]: string },
    secrets: readonly string[] = [],
  ): Promise<LocalProcesses> => localProcesses({ temporary: options.temporary, children, declared, secrets })
  const needs = new Map(
    nodes.flatMap((node) => {
      const needed = gpuNeeds(node, models)
      return needed ? [[node.id, needed] as const] : []
    }),
  )
  const desk = new GpuDesk({
    cards: machine.gpus.cards,
    needs,
    locks: cardLocks(join(tools.root, 'gpus')),
    look: useOfCards,
    stopServer: (model) => servers.stop(model),
    isServerUp: (model) => servers.isUp(model),
    onWait: options.onWait,
  })
  const servers: ModelServers = new ModelServers(
    {
      lease: models.lease,
      processes: ({ model }, id) => start(cardsEnvironment(desk.cardsOfServer(id), modelResources(model, models).gpus)),
      cards: (id) => {
        const lent = desk.cardsOfServer(id) ?? []
        return machine.gpus.cards.filter(({ uuid }) => lent.includes(uuid)).map(({ name }) => name)
      },
      retire: (id) => desk.retire(id),
      tools,
      logs,
      batches,
      signal,
      onEvent,
    },
    nodes,
  )
  /** Of nodes that hold cards. */
  const runners = new Map<NodeId, LocalProcesses[]>()
  return {
    needs,
    gate: desk,
    models: servers,
    processes: async (node) => {
      const secrets = passedSecrets(node)
      for (const secret of secrets) keepSecret(secret)
      const runner = await start(declaredEnvironment(node, desk.cardsOf(node.id)), secrets)
      if (needs.has(node.id)) runners.set(node.id, [...(runners.get(node.id) ?? []), runner])
      return runner
    },
    cards: (id) => {
      const lent = desk.cardsOf(id)
      return machine.gpus.cards.flatMap(({ uuid }, number) => (lent.includes(uuid) ? [number] : []))
    },
    fetch: async (part, signal, tell) => datasets.fetch?.(part, { tools, signal, tell }),
    leave: async (node) => {
      const gone = await Promise.all((runners.get(node.id) ?? []).map((runner) => runner.gone()))
      if (gone.includes(false)) options.onLeft(node.id)
      desk.leave(node.id)
      await servers.done(node)
    },
    close: async () => {
      await servers.close()
      desk.close()
      await children.close()
    },
  }
}
