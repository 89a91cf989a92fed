import { join } from 'node:path'
import type { ActionRecord } from '../../cache/action-log.ts'
import { openToolsCache } from '../../cache/tools-cache.ts'
import type { Plan } from '../plan/decision.ts'
import { memosOf } from '../plan/memos.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { digests } from '../plan/plan.ts'
import { preimageOf } from '../plan/preimage.ts'
import type { Session } from '../session.ts'
import { engineVersion } from '../util/engine-version.ts'
import type { Children } from './children.ts'
import type { RunEvent } from './events.ts'
import type { ExecutionWorld } from './execute-node.ts'
import { FailedFolders } from './failed-folders.ts'
import { type Provision, provideFor } from './provision.ts'
import type { RunOptions } from './run-options.ts'
import { StageThreads } from './stage-threads.ts'
import { Staging } from './staging.ts'
import { importedPipeline, withheld } from './trust.ts'

type WithoutTime<Event> = Event extends { at: number } ? Omit<Event, 'at'> : never

/** An event that its run stamps with the time. */
export type NewEvent = WithoutTime<RunEvent>

/** What the nodes of one run are executed with. */
export interface OpenExecution {
  world: ExecutionWorld
  /** The nodes as this machine runs them: of those that run elsewhere, what watches over them. */
  here: readonly GraphNode[]
  provision: Provision
  /** Takes back what a node held. Never rejects: what can't be ended is told. */
  leave(node: GraphNode): Promise<void>
  /** Ends and removes everything that no result needs. */
  close(): Promise<void>
}

/** Makes what these nodes need to be executed; nothing is started before a node asks for it. */
export async function openExecution(
  session: Session,
  plan: Plan,
  todo: readonly GraphNode[],
  run: {
    id: string
    folder: string
    options: RunOptions
    children: Children
    kill: AbortSignal
    result(node: NodeId): ActionRecord | undefined
    emit(event: NewEvent): void
  },
): Promise<OpenExecution> {
  const { store, registry, graph, sources } = session
  const { emit, options, result } = run
  const { machine } = options
  const imported = await importedPipeline(session)
  const isWithheld = imported !== undefined && !imported.trusted
  const places = isWithheld ? undefined : options.jobs
  const here = todo.map((node) => places?.here(node) ?? node)
  const elsewhere = todo.some((node) => places?.isElsewhere(node))
    ? places?.open(store, (message) => emit({ type: 'warning', message }))
    : undefined
  const staging = new Staging(store.root)
  const threads = new StageThreads()
  const tools = openToolsCache()
  const provided = provideFor(here, {
    temporary: staging.root,
    logs: join(run.folder, 'logs'),
    batches: join(store.root, 'batches'),
    children: run.children,
    machine,
    models: registry.models,
    datasets: registry.datasets,
    tools,
    signal: run.kill,
    onEvent: ({ type, note }) => emit(type === 'warning' ? { type, message: note } : { type, note }),
    onWait: (node, why) => emit({ type: 'node-waiting', node, why }),
    onLeft: (node) => {
      const message = "something that it started can't be ended, and may still use its graphics cards"
      emit({ type: 'warning', message, node })
    },
  })
  const provision = isWithheld ? withheld(provided) : provided
  const world: ExecutionWorld = {
    graph,
    store,
    sources,
    remotes: session.remotes,
    address: session.address,
    selection: plan.selection,
    ...(session.pins ? { pins: session.pins } : {}),
    rounds: plan.rounds.byNode,
    run: run.id,
    engine: engineVersion(),
    staging,
    failed: new FailedFolders(join(store.root, 'failed')),
    threads,
    elsewhere,
    tools,
    memos: memosOf(store),
    result,
    preimage: (node) => preimageOf(node, digests(sources, result)),
    processes: provision.processes,
    cards: provision.cards,
    provide: registry.models.provide,
    models: provision.models,
    asker: registry.models.asker,
    fetch: provision.fetch,
  }
  return {
    world,
    here,
    provision,
    leave: (node) =>
      provision.leave(node).catch((error: unknown) => emit({ type: 'warning', message: String(error), node: node.id })),
    close: async () => {
      // While the last results are on their way to the disk, what the run leaves lying is taken away.
      void store.actions.flush()
      await provision.close()
      await threads.close({ atOnce: run.kill.aborted })
      staging.close()
    },
  }
}
