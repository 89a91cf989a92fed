import { hash64 } from '../../cache/xxh.ts'
import type { Example, Examples } from './examples.ts'
import type { DevOptions } from './options.ts'
import type { Passages, TextKey } from './passages.ts'

/** Training and dev, which share neither a passage nor a query. */
export interface HoldOut {
  training: Example[]
  dev: Example[]
  /** Distinct passages of dev. */
  passages: number
  /** Examples in neither: their query, or with a dev split also their passage, stands in dev. */
  dropped: number
}

/** The rows and texts that a hold-out is chosen among. */
interface Pool {
  examples: Examples
  passages: Passages
  isLabelled(row: number): boolean
  /** Source that is the dev split itself. */
  devSource: number
}

/**
 * Holds out passages (texts, so that copies go together) by hash of seed and text. With a fraction, a passage's side
 * depends on nothing else, so that variants of a sweep hold out the same passages, before anything is sampled; with a
 * count, on the passages that are there. `of: labelled`: dev has labelled pairs only, and the other pairs of its passages
 * are in neither. A split as dev takes its passages and queries out of training.
 */
export function holdOut(chosenFrom: readonly Example[], dev: DevOptions, seed: number, pool: Pool): HoldOut {
  const { examples, passages } = pool
  if (dev === 'none') return { training: [...chosenFrom], dev: [], passages: 0, dropped: 0 }
  const keyOf = (example: Example): TextKey => passages.key(example.passage)
  const chosen = new Set<TextKey>()
  if ('from' in dev) {
    for (const example of chosenFrom) if (examples.source(example.row) === pool.devSource) chosen.add(keyOf(example))
  } else if ('fraction' in dev) {
    for (const example of chosenFrom)
      if (share(hash64(`${seed}\tdev\t${keyOf(example)}`)) < dev.fraction) chosen.add(keyOf(example))
  } else {
    const places = new Map<TextKey, bigint>()
    for (const example of chosenFrom) {
      const key = keyOf(example)
      if (!places.has(key)) places.set(key, hash64(`${seed}\tdev\t${key}`))
    }
    const order = [...places].sort(([a, x], [b, y]) => (x !== y ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    for (const [key] of order.slice(0, dev.count)) chosen.add(key)
  }
  const isDev = (example: Example): boolean => {
    if (!chosen.has(keyOf(example))) return false
    if ('from' in dev) return examples.source(example.row) === pool.devSource
    return !('of' in dev && dev.of === 'labelled') || pool.isLabelled(example.row)
  }
  const held = chosenFrom.filter(isDev)
  const queries = new Set(held.map(({ row }) => examples.anchorKey(row)))
  const rest = chosenFrom.length - held.length
  const training = chosenFrom.filter(
    (example) => !chosen.has(keyOf(example)) && !queries.has(examples.anchorKey(example.row)),
  )
  return {
    training,
    dev: held,
    passages: new Set(held.map(keyOf)).size,
    dropped: rest - training.length,
  }
}

/** A hash as a number of [0, 1), from its 53 highest bits. */
function share(hash: bigint): number {
  return Number(hash >> 11n) / 2 ** 53
}
