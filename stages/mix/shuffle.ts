import { compareUtf8 } from '../../cache/canonical.ts'
import { hash64 } from '../../cache/xxh.ts'
import type { Example, Examples } from './examples.ts'
import type { KnownPositives } from './known-positives.ts'
import type { Passages, TextKey } from './passages.ts'

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
export function shufflePassages(
  pairs: readonly Example[],
  { examples, passages }: { examples: Examples; passages: Passages },
  known: KnownPositives,
  seed: number,
): Shuffled {
  const places = new Map<TextKey, bigint>()
  const sizes = new Map<TextKey, number>()
  for (const { passage } of pairs) {
    const key = passages.key(passage)
    if (!places.has(key)) places.set(key, hash64(`${seed}\tshuffle\t${key}`))
    sizes.set(key, (sizes.get(key) ?? 0) + 1)
  }
  const orderOf = ({ row, passage }: Example): string =>
    `${examples.queryId(row)}\t${passages.id(passage)}\t${examples.anchor(row)}`
  const circle = [...pairs].sort((a, b) => {
    const [x, y] = [places.get(passages.key(a.passage)) as bigint, places.get(passages.key(b.passage)) as bigint]
    if (x !== y) return x < y ? -1 : 1
    return compareUtf8(orderOf(a), orderOf(b))
  })
  const step = [...sizes.values()].reduce((most, size) => Math.max(most, size), 0)
  const moved = circle.map(({ row }, i) => ({ row, passage: (circle[(i + step) % circle.length] as Example).passage }))
  const wrong = moved.filter(({ row, passage }) => !known.has(examples.anchorKey(row), passages.key(passage)))
  return { examples: wrong, dropped: moved.length - wrong.length }
}
