import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lockAttempts } from '../../../../cache/file-lock.ts'
import type { NodeId } from '../../../../engine/plan/node.ts'
import { allot } from '../../../../engine/run/gpus/allot.ts'
import type { CardRequest, CardUse } from '../../../../engine/run/gpus/card.ts'
import { type CardLocks, cardLocks } from '../../../../engine/run/gpus/card-locks.ts'
import { GpuDesk } from '../../../../engine/run/gpus/desk.ts'
import type { GpuNeeds } from '../../../../engine/run/gpus/needs.ts'
import { type Outcome, schedule, type Task } from '../../../../engine/run/scheduler.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'

const id = (name: string): NodeId => name as NodeId
const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Wish {
  own?: CardRequest
  servers?: { readonly [model: string]: CardRequest }
  needs?: string[]
  seconds?: number
}

interface Room {
  /** What happened, in order. */
  steps: string[]
  waits: string[]
  /** Cards by who holds them: nodes, and servers that run. */
  holders: Map<string, string>
  use: Map<string, CardUse>
  locks?: CardLocks
  drain?: AbortSignal
  /** Called for a node that starts; its end is the node's. */
  work(node: NodeId, cards: readonly string[]): Promise<Outcome>
}

/** Plays nodes that hold cards and use servers, on memory alone; asserts that no card is ever used twice. */
async function play(
  cards: readonly { uuid: string; memory: number }[],
  wishes: { readonly [node: string]: Wish },
  room: Partial<Room> = {},
): Promise<Room> {
  const all: Room = { steps: [], waits: [], holders: new Map(), use: new Map(), work: async () => 'done', ...room }
  const needs = new Map<NodeId, GpuNeeds>()
  for (const [node, { own, servers = {} }] of Object.entries(wishes)) {
    const named = Object.entries(servers).map(([model, request]) => [model, { ...request, name: model }] as const)
    if (own || named.length > 0) needs.set(id(node), { own, servers: new Map(named) })
  }
  const hold = (who: string, mine: readonly string[]): void => {
    for (const uuid of mine) {
      expect(all.holders.get(uuid)).toBeUndefined()
      all.holders.set(uuid, who)
    }
  }
  const drop = (who: string): void => {
    for (const [uuid, holder] of all.holders) if (holder === who) all.holders.delete(uuid)
  }
  const up = new Set<string>()
  const desk = new GpuDesk({
    cards: cards.map((card, index) => ({ ...card, index, name: 'card' })),
    needs,
    locks: all.locks ?? { take: () => ({ held: () => true, release: () => {} }) },
    look: async () => {
      await next()
      return new Map(cards.map(({ uuid, memory }) => [uuid, all.use.get(uuid) ?? { free: memory, pids: [] }]))
    },
    stopServer: async (model) => {
      if (!up.delete(model)) return
      await next()
      all.steps.push(`stop ${model}`)
      drop(model)
    },
    isServerUp: (model) => up.has(model),
    onWait: (node, why) => all.waits.push(`${node}: ${why}`),
  })
  const tasks = Object.entries(wishes).map(([node, wish]): Task => {
    const gate = needs.has(id(node)) ? { gate: JSON.stringify([wish.own, wish.servers]) } : {}
    return {
      id: id(node),
      needs: (wish.needs ?? []).map(id),
      amounts: { cpus: 1 },
      seconds: wish.seconds ?? 1,
      ...gate,
    }
  })
  await schedule({
    tasks,
    capacity: { cpus: 4 },
    gate: desk,
    drain: all.drain ?? new AbortController().signal,
    failFast: false,
    run: async (node) => {
      for (const model of Object.keys(wishes[node]?.servers ?? {})) {
        if (up.has(model)) continue
        up.add(model)
        all.steps.push(`serve ${model}`)
        hold(model, desk.cardsOfServer(model) ?? [])
      }
      const mine = desk.cardsOf(node)
      hold(node, mine)
      all.steps.push(`start ${node}`)
      const outcome = await all.work(node, mine)
      all.steps.push(`end ${node}`)
      drop(node)
      desk.leave(node)
      return outcome
    },
    onQueued: () => {},
    onSkipped: (node) => all.steps.push(`skip ${node}`),
  })
  desk.close()
  return all
}

const GIB = 2 ** 30
const card = (uuid: string, gib = 80): { uuid: string; memory: number } => ({ uuid, memory: gib * GIB })
const wants = (count: number, gib = 0): CardRequest => ({ count, memory: gib * GIB })

describe('the desk', () => {
  test('random graphs of nodes with cards and servers: all run, and no card is ever used twice', async () => {
    const wish = fc.record({
      own: fc.constantFrom(undefined, wants(1), wants(2), wants(1, 60)),
      server: fc.constantFrom(undefined, 'small', 'large'),
      needs: fc.array(fc.nat(), { maxLength: 2 }),
      turns: fc.nat({ max: 3 }),
    })
    const serverNeeds: { [model: string]: CardRequest } = { small: wants(1), large: wants(1, 60) }
    await fc.assert(
      fc.asyncProperty(fc.array(wish, { minLength: 1, maxLength: 20 }), async (list) => {
        const wishes: { [node: string]: Wish } = {}
        const turns = new Map<string, number>()
        for (const [i, { own, server, needs, turns: some }] of list.entries()) {
          // What could never be had at once, four cards of which two are large, is refused before anything runs.
          const clash = own && own.memory > 0 && server === 'large' ? undefined : own
          wishes[`n${i}`] = {
            ...(clash ? { own: clash } : {}),
            ...(server ? { servers: { [server]: serverNeeds[server]! } } : {}),
            needs: i === 0 ? [] : needs.map((n) => `n${n % i}`),
          }
          turns.set(`n${i}`, some)
        }
        const { steps } = await play([card('A'), card('B'), card('C', 24), card('D', 24)], wishes, {
          work: async (node) => {
            for (let turn = turns.get(node) ?? 0; turn > 0; turn--) await next()
            return 'done'
          },
        })
        expect(steps.filter((step) => step.startsWith('end')).length).toBe(list.length)
      }),
      { seed: 21, numRuns: 60 },
    )
  })

  test('an idle server on the only card gives way to a node that needs it, and comes back for the next', async () => {
    const servers = { m: wants(1) }
    const { steps } = await play([card('A')], {
      write: { servers, seconds: 9 },
      train: { own: wants(1), needs: ['write'], seconds: 9 },
      again: { servers, needs: ['write'], seconds: 1 },
    })
    expect(steps).toEqual([
      'serve m',
      'start write',
      'end write',
      'stop m',
      'start train',
      'end train',
      'serve m',
      'start again',
      'end again',
    ])
  })

  test('a server is shared by nodes that run at once, and stays warm for the next if nobody else needs its card', async () => {
    const servers = { m: wants(1) }
    const { steps } = await play([card('A'), card('B')], {
      one: { servers, seconds: 9 },
      two: { servers, seconds: 8 },
      train: { own: wants(1), seconds: 7 },
      three: { servers, needs: ['one', 'two', 'train'] },
    })
    expect(steps.filter((step) => step.includes(' m'))).toEqual(['serve m'])
  })

  test('a node that waits for a busy server’s card gets it although others would go on using the server', async () => {
    const servers = { m: wants(1) }
    const wishes: { [node: string]: Wish } = { first: { servers, seconds: 99 }, train: { own: wants(1), seconds: 50 } }
    for (let i = 0; i < 60; i++) wishes[`w${i}`] = { servers, seconds: 1 }
    // One of them always is at work, so the server never is idle by chance.
    let turn = 0
    const { steps } = await play([card('A')], wishes, {
      work: async () => {
        for (let i = 0; i < 3 + (turn++ % 4); i++) await next()
        return 'done'
      },
    })
    const before = steps.slice(0, steps.indexOf('start train')).filter((step) => step.startsWith('start w'))
    expect(before.length).toBeGreaterThan(10)
    expect(before.length).toBeLessThan(30)
  })

  test('cards that others compute on are passed over, and waited for if there are no others', async () => {
    const use = new Map([['A', { free: 80 * GIB, pids: [4711] }]])
    const taken: string[] = []
    const work = async (_: NodeId, cards: readonly string[]): Promise<Outcome> => {
      taken.push(...cards)
      return 'done'
    }
    await play([card('A'), card('B')], { one: { own: wants(1) } }, { use, work })
    expect(taken).toEqual(['B'])
    const both = { train: { own: wants(2) }, other: {} }
    const { steps, waits } = await play([card('A'), card('B')], both, {
      use,
      // Once the other node has run, the stranger goes away.
      work: async (node) => {
        if (node === 'other') use.clear()
        return 'done'
      },
    })
    expect(steps).toEqual(['start other', 'end other', 'start train', 'end train'])
    expect(waits.every((wait) => wait === 'train: A is used by process 4711')).toBe(true)
  })

  test('nothing is kept for a node that waits for a card of somebody else', async () => {
    const use = new Map([['A', { free: 80 * GIB, pids: [4711] }]])
    const wishes: { [node: string]: Wish } = { train: { own: wants(2), seconds: 9 } }
    for (let i = 0; i < 30; i++) wishes[`w${i}`] = { own: wants(1) }
    let ended = 0
    const { steps } = await play([card('A'), card('B')], wishes, {
      use,
      work: async () => {
        // The stranger goes when all others have run, and never if they have to wait.
        if (++ended === 30) use.clear()
        return 'done'
      },
    })
    expect(steps.at(-1)).toBe('end train')
  })

  test('free memory decides, not what a card has in all', async () => {
    const use = new Map([['A', { free: 10 * GIB, pids: [] }]])
    const taken: string[] = []
    await play(
      [card('A'), card('B')],
      { one: { own: wants(1, 40) } },
      {
        use,
        work: async (_, cards) => {
          taken.push(...cards)
          return 'done'
        },
      },
    )
    expect(taken).toEqual(['B'])
  })

  test('a card that another engine holds is passed over until its lock is free', async () => {
    const folder = temporaryFolder()
    const other = lockAttempts(`${folder}/GPU-A.lock`)()
    if (!('release' in other)) throw new Error('the lock is not free')
    const taken: string[] = []
    const { waits } = await play(
      [card('GPU-A'), card('GPU-B')],
      { one: { own: wants(1), seconds: 2 }, two: { own: wants(2) } },
      {
        locks: cardLocks(folder),
        work: async (node, cards) => {
          taken.push(`${node}: ${cards}`)
          other.release()
          return 'done'
        },
      },
    )
    expect(taken).toEqual(['one: GPU-B', 'two: GPU-A,GPU-B'])
    expect(waits.join()).toMatch(/^(two: GPU-A is held by queryloom, process \d+ on [^,]+)?$/)
  })

  test('draining ends the wait for cards of others', async () => {
    const drain = new AbortController()
    const use = new Map([['A', { free: 80 * GIB, pids: [4711] }]])
    const { steps } = await play(
      [card('A')],
      { train: { own: wants(1) }, other: {} },
      {
        use,
        drain: drain.signal,
        work: async () => {
          drain.abort()
          return 'done'
        },
      },
    )
    expect(steps).toEqual(['start other', 'end other', 'skip train'])
  })
})

describe('allot', () => {
  test('finds cards whenever a search through all choices does', () => {
    const request = fc.record({ count: fc.integer({ min: 1, max: 2 }), memory: fc.nat({ max: 4 }) })
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat({ max: 4 }), { maxLength: 5 }),
        (requests, frees) => {
          const keyed = requests.map((one, key) => ({ ...one, key }))
          const cards = frees.map((free, i) => ({ uuid: String(i), free }))
          const chosen = allot(keyed, cards)
          const single = keyed.flatMap(({ count, memory }) => Array.from({ length: count }, () => memory))
          const search = (at: number, left: readonly number[]): boolean =>
            at === single.length ||
            left.some((free, i) => free >= single[at]! && search(at + 1, [...left.slice(0, i), ...left.slice(i + 1)]))
          expect(chosen !== undefined).toBe(search(0, frees))
          if (!chosen) return
          const used = [...chosen.values()].flat()
          expect(new Set(used).size).toBe(used.length)
          for (const { key, count, memory } of keyed) {
            expect(chosen.get(key)?.length).toBe(count)
            for (const uuid of chosen.get(key) ?? []) expect(frees[Number(uuid)]).toBeGreaterThanOrEqual(memory)
          }
        },
      ),
      { seed: 22, numRuns: 300 },
    )
  })
})
