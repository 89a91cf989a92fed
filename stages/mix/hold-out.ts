import { hash64 } from '../../cache/xxh.ts'
import type { Example, TextKey } from './example.ts'
import type { MixOptions } from './stage.ts'

/** Training and hold-out, which share neither a passage nor a query. */
export interface HoldOut {
  training: Example[]
  dev: Example[]
  /** Distinct passages of the hold-out. */
  passages: number
  /** Examples in neither: their query stands in the hold-out with another passage. */
  dropped: number
}

/**
 * Holds out passages (texts, so that copies go together) by hash of seed and text. With a fraction, a passage's side
 * depends on nothing else, so that variants of a sweep hold out the same passages; with a count, on the passages that
 * are there.
 */
export function holdOut(examples: readonly Example[], dev: MixOptions['dev'], seed: number): HoldOut {
  if (dev === 'none') return { training: [...examples], dev: [], passages: 0, dropped: 0 }
  const places = new Map<TextKey, bigint>()
  for (const { positiveKey } of examples)
    if (!places.has(positiveKey)) places.set(positiveKey, hash64(`${seed}\tdev\t${positiveKey}`))
  const chosen = new Set<TextKey>()
  if ('fraction' in dev) {
    for (const [key, place] of places) if (share(place) < dev.fraction) chosen.add(key)
  } else {
    const order = [...places].sort(([a, x], [b, y]) => (x !== y ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    for (const [key] of order.slice(0, dev.count)) chosen.add(key)
  }
  const held = examples.filter(({ positiveKey }) => chosen.has(positiveKey))
  const queries = new Set(held.map(({ normalised }) => normalised))
  const rest = examples.filter(({ positiveKey }) => !chosen.has(positiveKey))
  const training = rest.filter(({ normalised }) => !queries.has(normalised))
  return { training, dev: held, passages: chosen.size, dropped: rest.length - training.length }
}

/** A hash as a number of [0, 1), from its 53 highest bits. */
function share(hash: bigint): number {
  return Number(hash >> 11n) / 2 ** 53
}
