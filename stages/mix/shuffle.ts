import { compareUtf8 } from '../../cache/canonical.ts'
import { hash64 } from '../../cache/xxh.ts'
import type { Example, KnownPositives, TextKey } from './example.ts'

/** Examples with wrong passages, and how many have none. */
export interface Shuffled {
  examples: Example[]
  /** Left out: no passage that would be wrong fell to them, as where half of all pairs have the same. */
  dropped: number
}

/**
 * Gives each example the passage of another: queries and passages stay what they are and as often as they are, only
 * who belongs to whom is wrong. Pairs stand in a circle, those of a passage side by side, passages by XXH64 of seed and
 * text, and all passages move on by as many places as the most frequent one takes. `loadXxh()` must have been awaited.
 */
export function shufflePassages(examples: readonly Example[], known: KnownPositives, seed: number): Shuffled {
  const places = new Map<TextKey, bigint>()
  const sizes = new Map<TextKey, number>()
  for (const { positiveKey } of examples) {
    if (!places.has(positiveKey)) places.set(positiveKey, hash64(`${seed}\tshuffle\t${positiveKey}`))
    sizes.set(positiveKey, (sizes.get(positiveKey) ?? 0) + 1)
  }
  const circle = [...examples].sort((a, b) => {
    const [x, y] = [places.get(a.positiveKey) as bigint, places.get(b.positiveKey) as bigint]
    if (x !== y) return x < y ? -1 : 1
    return compareUtf8(orderOf(a), orderOf(b))
  })
  const step = [...sizes.values()].reduce((most, size) => Math.max(most, size), 0)
  const moved = circle.map((example, i): Example => {
    const { passage_id, positive, positiveKey } = circle[(i + step) % circle.length] as Example
    return { ...example, passage_id, positive, positiveKey }
  })
  const wrong = moved.filter(({ normalised, positiveKey }) => !known.has(normalised, positiveKey))
  return { examples: wrong, dropped: moved.length - wrong.length }
}

function orderOf({ query_id, passage_id, anchor }: Example): string {
  return `${query_id}\t${passage_id}\t${anchor}`
}
