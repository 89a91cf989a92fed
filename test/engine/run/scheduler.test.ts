import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import type { Amounts, Gate } from '../../../engine/run/ready-queue.ts'
import { type Outcome, type SkipReason, schedule, type Task } from '../../../engine/run/scheduler.ts'

interface Trace {
  /** In order, with how it ended: `+a` started, `-a` ended. */
  steps: string[]
  started: NodeId[]
  skipped: [NodeId, SkipReason][]
}

interface Settings {
  capacity?: Amounts
  drain?: AbortController
  failFast?: boolean
  gate?: Gate & { listen(onChange: () => void): void }
  /** Called whenever all that could start has started. */
  onSettled?(running: readonly NodeId[], started: readonly NodeId[]): void
}

const SLOT: Amounts = { cpus: 1 }

/** Runs tasks whose ends the caller decides on, in any order. */
async function play(
  tasks: Task[],
  outcome: (id: NodeId) => Outcome,
  pick: (running: readonly NodeId[]) => number,
  settings: Settings = {},
): Promise<Trace> {
  const trace: Trace = { steps: [], started: [], skipped: [] }
  const running = new Map<NodeId, (outcome: Outcome) => void>()
  const { onSettled, drain, ...rest } = settings
  const finished = schedule({
    capacity: SLOT,
    failFast: false,
    drain: (drain ?? new AbortController()).signal,
    ...rest,
    tasks,
    run: (id) => {
      trace.started.push(id)
      trace.steps.push(`+${id}`)
      return new Promise((resolve) => running.set(id, resolve))
    },
    onQueued: () => {},
    onSkipped: (id, because) => trace.skipped.push([id, because]),
  })
  for (;;) {
    await Promise.resolve()
    const ids = [...running.keys()]
    onSettled?.(ids, trace.started)
    if (ids.length === 0) break
    const id = ids[pick(ids) % ids.length] as NodeId
    const end = running.get(id)
    running.delete(id)
    trace.steps.push(`-${id}`)
    end?.(outcome(id))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await finished
  return trace
}

const id = (name: string): NodeId => name as NodeId
const task = (name: string, needs: string[] = [], amounts: Amounts = SLOT, seconds = 1): Task => ({
  id: id(name),
  needs: needs.map(id),
  amounts,
  seconds,
})

const first = (): number => 0
const done = (): Outcome => 'done'

const CAPACITY: Amounts = { cpus: 3, memory: 10, 'pool api': 2 }

const demands = fc.record({
  cpus: fc.integer({ min: 0, max: 3 }),
  memory: fc.constantFrom(0, 3, 10),
  'pool api': fc.constantFrom(0, 1, 2),
})

/** Random acyclic graphs, how each task ends, and in which order. */
const graphs = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.record({
    needs: fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: size, maxLength: size }),
    amounts: fc.array(demands, { minLength: size, maxLength: size }),
    seconds: fc.array(fc.nat({ max: 5 }), { minLength: size, maxLength: size }),
    fails: fc.array(fc.nat({ max: 5 }), { minLength: size, maxLength: size }),
    picks: fc.array(fc.nat(), { minLength: size, maxLength: size }),
  }),
)
type RandomGraph = typeof graphs extends fc.Arbitrary<infer Value> ? Value : never

function tasksOf({ needs, amounts, seconds }: RandomGraph): Task[] {
  return needs.map((list, i) =>
    task(String(i), i === 0 ? [] : [...new Set(list.map((n) => String(n % i)))], amounts[i], seconds[i]),
  )
}

/** What is left of the capacity while these run. */
function freeWith(tasks: readonly Task[], running: readonly NodeId[], capacity: Amounts): { [name: string]: number } {
  const free: { [name: string]: number } = { ...capacity }
  for (const { id: own, amounts } of tasks)
    if (running.includes(own))
      for (const [name, amount] of Object.entries(amounts)) free[name] = (free[name] ?? 0) - amount
  return free
}

describe('schedule', () => {
  test('random graphs: every task starts once and after its needs, no more is held than there is, and what fits starts', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const tasks = tasksOf(graph)
        const ended = new Set<NodeId>()
        const picks = [...graph.picks]
        const trace = await play(
          tasks,
          (one) => {
            ended.add(one)
            return 'done'
          },
          () => picks.shift() ?? 0,
          {
            capacity: CAPACITY,
            onSettled: (running, started) => {
              const free = freeWith(tasks, running, CAPACITY)
              expect(Math.min(...Object.values(free))).toBeGreaterThanOrEqual(0)
              // So few tasks overtake nobody often enough for anything to be kept free.
              if (tasks.length > 16) return
              for (const { id: own, needs, amounts } of tasks) {
                if (started.includes(own) || !needs.every((need) => ended.has(need))) continue
                const fits = Object.entries(amounts).every(([name, amount]) => amount === 0 || amount <= free[name]!)
                expect(fits).toBe(false)
              }
            },
          },
        )
        expect([...trace.started].sort()).toEqual(tasks.map((one) => one.id).sort())
        expect(trace.skipped).toEqual([])
        for (const { id: own, needs } of tasks)
          for (const need of needs) expect(trace.steps.indexOf(`-${need}`)).toBeLessThan(trace.steps.indexOf(`+${own}`))
      }),
      { seed: 11, numRuns: 100 },
    )
  })

  test('random failures: every task starts once or is skipped, for a need that failed or did not run', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const tasks = tasksOf(graph)
        const how = new Map<NodeId, Outcome>(
          tasks.map(({ id: own }, i) => [
            own,
            graph.fails[i] === 0 ? 'failed' : graph.fails[i] === 1 ? 'skipped' : 'done',
          ]),
        )
        const picks = [...graph.picks]
        const trace = await play(
          tasks,
          (one) => how.get(one)!,
          () => picks.shift() ?? 0,
          { capacity: CAPACITY },
        )
        const skipped = new Map(trace.skipped)
        expect([...trace.started, ...skipped.keys()].sort()).toEqual(tasks.map((one) => one.id).sort())
        expect(trace.skipped.length).toBe(skipped.size)
        const bad = (need: NodeId): boolean => skipped.has(need) || how.get(need) !== 'done'
        for (const { id: own, needs } of tasks) {
          expect(skipped.has(own)).toBe(needs.some(bad))
          const because = skipped.get(own)
          if (because !== undefined && because !== 'interrupted') expect(how.get(because as NodeId)).toBe('failed')
        }
      }),
      { seed: 12, numRuns: 100 },
    )
  })

  test('the same ends give the same order', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const once = async (): Promise<string[]> => {
          const picks = [...graph.picks]
          const trace = await play(tasksOf(graph), done, () => picks.shift() ?? 0, { capacity: CAPACITY })
          return trace.steps
        }
        expect(await once()).toEqual(await once())
      }),
      { seed: 13, numRuns: 20 },
    )
  })

  test('the longest remaining path starts first', async () => {
    const tasks = [task('short'), task('head', [], SLOT, 1), task('tail', ['head'], SLOT, 60)]
    const trace = await play(tasks, done, first)
    expect(trace.started).toEqual(['head', 'tail', 'short'])
  })

  test('a task that does not fit holds up no other', async () => {
    const tasks = [
      task('running', [], { cpus: 1, memory: 6 }, 9),
      task('wide', [], { cpus: 2 }, 5),
      task('fat', [], { cpus: 1, memory: 6 }, 4),
      task('small', [], SLOT, 1),
    ]
    const trace = await play(tasks, done, first, { capacity: { cpus: 2, memory: 8 } })
    expect(trace.started).toEqual(['running', 'small', 'fat', 'wide'])
  })

  test('a task that was overtaken often enough gets its turn: nothing takes any more what it needs', async () => {
    const small = Array.from({ length: 60 }, (_, i) => task(`small-${i}`, [], SLOT, 1))
    const other = Array.from({ length: 60 }, (_, i) => task(`other-${i}`, [], { 'pool api': 1 }, 1))
    const tasks = [task('head', [], SLOT, 9), task('wide', [], { cpus: 2 }, 5), ...small, ...other]
    // Ends are in the order of starts, so there never are two free slots by chance.
    const trace = await play(tasks, done, first, { capacity: { cpus: 2, 'pool api': 1 } })
    const before = trace.started.slice(0, trace.started.indexOf(id('wide')))
    expect(before.filter((one) => one.startsWith('small')).length).toBeLessThanOrEqual(18)
    expect(trace.started.length).toBe(tasks.length)
    // What it does not need was not kept from others meanwhile.
    expect(before.filter((one) => one.startsWith('other')).length).toBeGreaterThan(5)
  })

  test('nothing is kept for a task that waits for what is held outside of this run', async () => {
    let open = false
    let wake = (): void => {}
    const gate = {
      enter: () => open,
      isOurs: () => false,
      listen: (onChange: () => void) => {
        wake = onChange
      },
    }
    const small = Array.from({ length: 40 }, (_, i) => task(`small-${i}`))
    const tasks: Task[] = [{ ...task('train', [], { cpus: 2 }, 9), gate: '1 card' }, ...small]
    let ended = 0
    const trace = await play(
      tasks,
      () => {
        ended++
        if (ended === small.length) {
          open = true
          setImmediate(wake)
        }
        return 'done'
      },
      first,
      { capacity: { cpus: 2 }, gate },
    )
    expect(trace.started.at(-1)).toBe('train')
  })

  test('a run in which all wait at the gate goes on when it opens, and ends when it is drained', async () => {
    let wake = (): void => {}
    let open = false
    const gate = {
      enter: () => open,
      isOurs: () => false,
      listen: (onChange: () => void) => {
        wake = onChange
      },
    }
    const started: string[] = []
    const skipped: string[] = []
    const drain = new AbortController()
    const options = {
      tasks: [{ ...task('train'), gate: '1 card' }],
      capacity: SLOT,
      gate,
      drain: drain.signal,
      failFast: false,
      run: async (one: NodeId): Promise<Outcome> => {
        started.push(one)
        return 'done'
      },
      onQueued: () => {},
      onSkipped: (one: NodeId) => skipped.push(one),
    }
    const run = schedule(options)
    await new Promise((resolve) => setImmediate(resolve))
    expect(started).toEqual([])
    open = true
    wake()
    await run
    expect(started).toEqual(['train'])
    open = false
    const again = schedule(options)
    drain.abort()
    await again
    expect(skipped).toEqual(['train'])
  })

  test('ten thousand tasks: what each costs does not grow with their number', async () => {
    let reads = 0
    const counted = (amounts: Amounts, i: number): Task => ({
      ...task(`t${i}`),
      get amounts() {
        reads++
        return amounts
      },
    })
    const kinds = [{ cpus: 1 }, { cpus: 2 }, { cpus: 1, memory: 5 }]
    const tasks = Array.from({ length: 10_000 }, (_, i) => counted(kinds[i % 3]!, i))
    let started = 0
    await schedule({
      tasks,
      capacity: { cpus: 2, memory: 8 },
      drain: new AbortController().signal,
      failFast: false,
      run: async () => {
        started++
        return 'done'
      },
      onQueued: () => {},
      onSkipped: () => {},
    })
    expect(started).toBe(tasks.length)
    expect(reads).toBeLessThan(20 * tasks.length)
  })

  test('after a failure what depends on it is skipped and the rest goes on', async () => {
    const tasks = [task('a'), task('b', ['a']), task('c', ['b']), task('d')]
    const trace = await play(tasks, (one) => (one === 'a' ? 'failed' : 'done'), first)
    expect(trace.started.sort()).toEqual(['a', 'd'])
    expect(trace.skipped).toEqual([
      ['b', 'a'],
      ['c', 'a'],
    ])
  })

  test('fail-fast starts nothing new, lets what runs finish, and says so', async () => {
    const tasks = [task('a', [], SLOT, 3), task('b', [], SLOT, 2), task('c'), task('d', ['b'])]
    const trace = await play(tasks, (one) => (one === 'a' ? 'failed' : 'done'), first, {
      capacity: { cpus: 2 },
      failFast: true,
    })
    expect(trace.steps).toEqual(['+a', '+b', '-a', '-b'])
    expect(trace.skipped).toEqual([
      ['c', 'fail-fast'],
      ['d', 'fail-fast'],
    ])
  })

  test('draining starts nothing new and says so', async () => {
    const drain = new AbortController()
    const trace = await play(
      [task('a', [], SLOT, 2), task('b')],
      () => {
        drain.abort()
        return 'done'
      },
      first,
      { drain },
    )
    expect(trace).toMatchObject({ started: ['a'], skipped: [['b', 'interrupted']] })
  })

  test('a task that could never start is our mistake, and no endless wait', async () => {
    await expect(play([task('a', [], { cpus: 2 })], done, first)).rejects.toThrow('a can never start')
  })
})
