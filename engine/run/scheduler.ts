import type { NodeId } from '../plan/node.ts'

/** What the scheduler must know of a node. */
export interface Task {
  id: NodeId
  needs: readonly NodeId[]
  /** Slots that it holds while it runs; 0 for what only waits. */
  cpus: number
  /** Expected seconds, from history; weighs the critical path. */
  seconds: number
}

export type Outcome = 'done' | 'failed' | 'skipped'

/**
 * Runs tasks in parallel: a task starts when all it needs is done and enough CPU slots are free, those before the
 * longest remaining path first. A task that does not fit yet holds up no smaller one. After a failure everything that
 * does not depend on it goes on; `drain` starts nothing new. Resolves when nothing runs and nothing can start.
 */
export async function schedule(options: {
  tasks: readonly Task[]
  slots: number
  drain: AbortSignal
  failFast: boolean
  /** Must not reject; whatever went wrong is an outcome. */
  run(id: NodeId): Promise<Outcome>
  onQueued(id: NodeId): void
  onSkipped(id: NodeId, because: NodeId | 'interrupted'): void
}): Promise<void> {
  const { tasks, drain } = options
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
  const rank = criticalPath(tasks, dependents)
  const ready: Task[] = []
  const enqueue = (task: Task): void => {
    let at = ready.length
    while (at > 0 && (rank.get((ready[at - 1] as Task).id) ?? 0) < (rank.get(task.id) ?? 0)) at--
    ready.splice(at, 0, task)
    options.onQueued(task.id)
  }
  for (const task of tasks) if (missing.get(task.id) === 0) enqueue(task)

  let free = options.slots
  let running = 0
  let stopped = false
  const settled = new Set<NodeId>()
  const skipDependents = (id: NodeId, because: NodeId | 'interrupted'): void => {
    for (const dependent of dependents.get(id) ?? []) {
      if (settled.has(dependent)) continue
      settled.add(dependent)
      options.onSkipped(dependent, because)
      skipDependents(dependent, because)
    }
  }

  await new Promise<void>((resolve) => {
    const finish = (task: Task, outcome: Outcome): void => {
      running--
      free += Math.min(task.cpus, options.slots)
      settled.add(task.id)
      if (outcome === 'done') {
        for (const dependent of dependents.get(task.id) ?? []) {
          const left = (missing.get(dependent) as number) - 1
          missing.set(dependent, left)
          if (left === 0 && !settled.has(dependent)) enqueue(byId.get(dependent) as Task)
        }
      } else {
        if (outcome === 'failed' && options.failFast) stopped = true
        skipDependents(task.id, outcome === 'failed' ? task.id : 'interrupted')
      }
      startWhatFits()
    }
    const startWhatFits = (): void => {
      for (let at = 0; at < ready.length && !stopped && !drain.aborted; ) {
        const task = ready[at] as Task
        const cpus = Math.min(task.cpus, options.slots)
        if (cpus > free) {
          at++
          continue
        }
        ready.splice(at, 1)
        free -= cpus
        running++
        void options.run(task.id).then((outcome) => finish(task, outcome))
      }
      if (running === 0) resolve()
    }
    startWhatFits()
  })
  for (const task of tasks) if (!settled.has(task.id)) options.onSkipped(task.id, 'interrupted')
}

/** Seconds from the start of a task to the end of the longest chain that begins with it. */
function criticalPath(tasks: readonly Task[], dependents: ReadonlyMap<NodeId, readonly NodeId[]>): Map<NodeId, number> {
  const rank = new Map<NodeId, number>()
  // Tasks come in topological order, so walking back meets every dependent first.
  for (let i = tasks.length - 1; i >= 0; i--) {
    const task = tasks[i] as Task
    let after = 0
    for (const id of dependents.get(task.id) ?? []) after = Math.max(after, rank.get(id) ?? 0)
    rank.set(task.id, task.seconds + after)
  }
  return rank
}
