import type { NodeId } from '../plan/node.ts'
import { type Amounts, type Demand, type Gate, ReadyQueue } from './ready-queue.ts'

/** What the scheduler must know of a node. */
export interface Task extends Demand {
  id: NodeId
  needs: readonly NodeId[]
  /** Expected seconds, from history; weighs the critical path. */
  seconds: number
}

export type Outcome = 'done' | 'failed' | 'skipped'

/** Why a task did not start: what it needs failed, the run was interrupted, or another failed under `failFast`. */
export type SkipReason = NodeId | 'interrupted' | 'fail-fast'

/**
 * Runs tasks in parallel: a task starts when all it needs is done and what it holds is free, those before the longest
 * remaining path first (see `ReadyQueue` for what does not fit). After a failure everything that does not depend on it
 * goes on; with `failFast`, and after `drain`, nothing new starts and what runs may finish. Resolves when nothing runs
 * and nothing can start. Tasks come in topological order.
 */
export async function schedule(options: {
  tasks: readonly Task[]
  capacity: Amounts
  /** `listen` is told what to call when the gate may let more in. */
  gate?: Gate & { listen(onChange: () => void): void }
  drain: AbortSignal
  failFast: boolean
  /** Must not reject; whatever went wrong is an outcome. */
  run(id: NodeId): Promise<Outcome>
  onQueued(id: NodeId): void
  onSkipped(id: NodeId, because: SkipReason): void
}): Promise<void> {
  const { tasks, drain, capacity, gate } = options
  refuseImpossible(tasks, capacity)
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const dependents = new Map<NodeId, NodeId[]>()
  const missing = new Map<NodeId, number>()
  for (const task of tasks) {
    // What is not among the tasks was there before.
    const needs = task.needs.filter((need) => byId.has(need))
    missing.set(task.id, needs.length)
    for (const need of needs) {
      const known = dependents.get(need)
      if (known) known.push(task.id)
      else dependents.set(need, [task.id])
    }
  }
  const order = inOrder(tasks, dependents)
  const places = new Map(order.map((task, place) => [task.id, place]))
  const ready = new ReadyQueue({
    capacity,
    gate,
    demandOf: (place) => order[place] as Task,
    idOf: (place) => (order[place] as Task).id,
  })
  const enqueue = (id: NodeId): void => {
    ready.add(places.get(id) as number)
    options.onQueued(id)
  }
  for (const task of tasks) if (missing.get(task.id) === 0) enqueue(task.id)

  let running = 0
  let failed = false
  const settled = new Set<NodeId>()
  const skipDependents = (of: NodeId, because: SkipReason): void => {
    const open: [NodeId, SkipReason][] = [[of, because]]
    for (let next = open.pop(); next; next = open.pop()) {
      const [id, reason] = next
      for (const dependent of dependents.get(id) ?? []) {
        if (settled.has(dependent)) continue
        settled.add(dependent)
        options.onSkipped(dependent, reason)
        open.push([dependent, reason])
      }
    }
  }
  const isStopped = (): boolean => drain.aborted || (failed && options.failFast)

  await new Promise<void>((resolve) => {
    const finish = (id: NodeId, outcome: Outcome): void => {
      running--
      ready.release(places.get(id) as number)
      settled.add(id)
      if (outcome === 'done') {
        for (const dependent of dependents.get(id) ?? []) {
          const left = (missing.get(dependent) as number) - 1
          missing.set(dependent, left)
          if (left === 0 && !settled.has(dependent)) enqueue(dependent)
        }
      } else {
        failed ||= outcome === 'failed'
        skipDependents(id, outcome === 'failed' ? id : 'interrupted')
      }
      startWhatFits()
    }
    const startWhatFits = (): void => {
      while (!isStopped()) {
        const place = ready.take()
        if (place === undefined) break
        const { id } = order[place] as Task
        running++
        void options.run(id).then((outcome) => finish(id, outcome))
      }
      if (running === 0 && (ready.size === 0 || isStopped())) resolve()
    }
    // Nothing may be running when it is to stop: all may wait for cards that others hold.
    drain.addEventListener('abort', startWhatFits, { once: true })
    gate?.listen(() => {
      ready.gateChanged()
      startWhatFits()
    })
    startWhatFits()
  })
  const because = drain.aborted ? 'interrupted' : 'fail-fast'
  for (const task of tasks) if (!settled.has(task.id)) options.onSkipped(task.id, because)
}

// Whoever calls has told the user already: a run with such a task would never end.
function refuseImpossible(tasks: readonly Task[], capacity: Amounts): void {
  for (const { id, amounts } of tasks)
    for (const [resource, amount] of Object.entries(amounts))
      if (amount > (capacity[resource] ?? 0))
        throw new Error(`${id} can never start: it needs ${amount} of ${resource}`)
}

/** Tasks by the seconds from their start to the end of the longest chain that begins with them, the longest first. */
function inOrder(tasks: readonly Task[], dependents: ReadonlyMap<NodeId, readonly NodeId[]>): readonly Task[] {
  const rank = new Map<NodeId, number>()
  // Tasks come in topological order, so walking back meets every dependent first.
  for (let i = tasks.length - 1; i >= 0; i--) {
    const task = tasks[i] as Task
    let after = 0
    for (const id of dependents.get(task.id) ?? []) after = Math.max(after, rank.get(id) ?? 0)
    rank.set(task.id, task.seconds + after)
  }
  return [...tasks].sort((a, b) => (rank.get(b.id) ?? 0) - (rank.get(a.id) ?? 0))
}
