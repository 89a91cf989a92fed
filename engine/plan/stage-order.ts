import { Heap } from '../util/heap.ts'

/** The stages in an order in which each follows what it needs; those on or behind a cycle are left over. */
export interface StageOrder {
  order: readonly string[]
  stuck: ReadonlySet<string>
}

/**
 * Orders stages topologically; among those that are ready, the one written first comes first. `needs` holds the
 * needed stages by stage, in the order of the file.
 */
export function orderStages(needs: ReadonlyMap<string, ReadonlySet<string>>): StageOrder {
  const names = [...needs.keys()]
  const rank = new Map(names.map((name, i) => [name, i]))
  const waiting = new Map<string, number>()
  const followers = new Map<string, string[]>(names.map((name) => [name, []]))
  const ready = new Heap()
  for (const [name, needed] of needs) {
    waiting.set(name, needed.size)
    for (const other of needed) followers.get(other)?.push(name)
    if (needed.size === 0) ready.push(rank.get(name)!)
  }
  const order: string[] = []
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const name = names[next]!
    order.push(name)
    for (const follower of followers.get(name)!) {
      const left = waiting.get(follower)! - 1
      waiting.set(follower, left)
      if (left === 0) ready.push(rank.get(follower)!)
    }
  }
  const done = new Set(order)
  return { order, stuck: new Set(names.filter((name) => !done.has(name))) }
}
