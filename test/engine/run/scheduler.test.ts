import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import { type Outcome, schedule, type Task } from '../../../engine/run/scheduler.ts'

interface Trace {
  started: NodeId[]
  skipped: [NodeId, string][]
  most: number
}

/** Runs tasks whose ends the caller decides on, in any order. */
async function play(
  tasks: Task[],
  slots: number,
  outcome: (id: NodeId) => Outcome,
  pick: (running: readonly NodeId[]) => number,
  options: { drain?: AbortController; failFast?: boolean } = {},
): Promise<Trace> {
  const trace: Trace = { started: [], skipped: [], most: 0 }
  const running = new Map<NodeId, (outcome: Outcome) => void>()
  const cpus = new Map(tasks.map((task) => [task.id, task.cpus]))
  const finished = schedule({
    tasks,
    slots,
    failFast: options.failFast ?? false,
    drain: (options.drain ?? new AbortController()).signal,
    run: (id) => {
      trace.started.push(id)
      return new Promise((resolve) => {
        running.set(id, resolve)
        const held = [...running.keys()].reduce((sum, one) => sum + Math.min(cpus.get(one) ?? 0, slots), 0)
        trace.most = Math.max(trace.most, held)
      })
    },
    onQueued: () => {},
    onSkipped: (id, because) => trace.skipped.push([id, because]),
  })
  for (;;) {
    await Promise.resolve()
    const ids = [...running.keys()]
    if (ids.length === 0) break
    const id = ids[pick(ids) % ids.length] as NodeId
    const end = running.get(id)
    running.delete(id)
    end?.(outcome(id))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await finished
  return trace
}

const id = (name: string): NodeId => name as NodeId
const task = (name: string, needs: string[] = [], cpus = 1, seconds = 1): Task => ({
  id: id(name),
  needs: needs.map(id),
  cpus,
  seconds,
})

describe('schedule', () => {
  test('random graphs: every task starts once, after its needs, and never more slots are held than there are', async () => {
    const graphs = fc
      .record({ size: fc.integer({ min: 1, max: 25 }), slots: fc.integer({ min: 1, max: 5 }), seed: fc.nat() })
      .chain(({ size, slots }) =>
        fc.record({
          slots: fc.constant(slots),
          needs: fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: size, maxLength: size }),
          cpus: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: size, maxLength: size }),
          picks: fc.infiniteStream(fc.nat()),
        }),
      )
    await fc.assert(
      fc.asyncProperty(graphs, async ({ slots, needs, cpus, picks }) => {
        const tasks = needs.map((list, i) =>
          task(String(i), i === 0 ? [] : [...new Set(list.map((n) => String(n % i)))], cpus[i]),
        )
        const trace = await play(
          tasks,
          slots,
          () => 'done',
          () => picks.next().value as number,
        )
        expect([...trace.started].sort()).toEqual(tasks.map((one) => one.id).sort())
        const position = new Map(trace.started.map((one, i) => [one, i]))
        for (const { id: own, needs: before } of tasks)
          for (const need of before) expect(position.get(need)).toBeLessThan(position.get(own) as number)
        expect(trace.most).toBeLessThanOrEqual(slots)
      }),
      { seed: 11, numRuns: 100 },
    )
  })

  test('the longest remaining path starts first', async () => {
    const tasks = [task('short'), task('head', [], 1, 1), task('tail', ['head'], 1, 60)]
    const trace = await play(
      tasks,
      1,
      () => 'done',
      () => 0,
    )
    expect(trace.started).toEqual(['head', 'tail', 'short'])
  })

  test('a task that needs more slots than are free holds up no smaller one', async () => {
    const tasks = [task('running', [], 1, 9), task('wide', [], 2, 5), task('small', [], 1, 1)]
    const trace = await play(
      tasks,
      2,
      () => 'done',
      () => 0,
    )
    expect(trace.started).toEqual(['running', 'small', 'wide'])
  })

  test('after a failure what depends on it is skipped and the rest goes on', async () => {
    const tasks = [task('a'), task('b', ['a']), task('c', ['b']), task('d')]
    const trace = await play(
      tasks,
      1,
      (one) => (one === 'a' ? 'failed' : 'done'),
      () => 0,
    )
    expect(trace.started.sort()).toEqual(['a', 'd'])
    expect(trace.skipped).toEqual([
      ['b', 'a'],
      ['c', 'a'],
    ])
  })

  test('fail-fast and draining start nothing new and say so', async () => {
    const fast = await play(
      [task('a', [], 1, 2), task('b')],
      1,
      () => 'failed',
      () => 0,
      { failFast: true },
    )
    expect(fast).toMatchObject({ started: ['a'], skipped: [['b', 'interrupted']] })
    const drain = new AbortController()
    const drained = await play(
      [task('a', [], 1, 2), task('b')],
      1,
      () => {
        drain.abort()
        return 'done'
      },
      () => 0,
      { drain },
    )
    expect(drained).toMatchObject({ started: ['a'], skipped: [['b', 'interrupted']] })
  })
})
