import type { CardRequest } from './card.ts'

/**
 * Chooses cards for all requests at once, each the smallest that will do; undefined if they can't all be had. Whoever
 * wants most memory chooses first: then no other order finds cards where this one finds none.
 */
export function allot<Key>(
  requests: readonly (CardRequest & { key: Key })[],
  cards: readonly { uuid: string; free: number }[],
): ReadonlyMap<Key, readonly string[]> | undefined {
  const left = [...cards].sort((a, b) => a.free - b.free)
  const chosen = new Map<Key, readonly string[]>()
  for (const { key, count, memory } of [...requests].sort((a, b) => b.memory - a.memory)) {
    const from = left.findIndex(({ free }) => free >= memory)
    const mine = from === -1 ? [] : left.splice(from, count)
    if (mine.length < count) return undefined
    chosen.set(
      key,
      mine.map(({ uuid }) => uuid),
    )
  }
  return chosen
}
