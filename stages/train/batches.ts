import { Random } from './random.ts'
import type { TrainingSet } from './training-set.ts'

/** Rows that are passed over while a batch is filled, at most; then duplicates are let in. */
const LOOK_AHEAD = 8

/**
 * An endless sequence of batches of row numbers, each of exactly `size` rows (or all rows, if there are fewer). Every
 * epoch has its own order, drawn from the seed; a batch may reach into the next epoch. A row whose anchor or positive
 * is in the batch already waits for a later one, unless nothing else is near: then it is let in, and the loss masks it.
 */
export function* makeBatches(
  data: Pick<TrainingSet, 'size' | 'queries' | 'positives' | 'passages'>,
  size: number,
  seed: number,
): Generator<Uint32Array, never> {
  const random = new Random(`train:order:${seed}`)
  const order = Uint32Array.from({ length: data.size }, (_, row) => row)
  const length = Math.min(size, data.size)
  let place = order.length
  const draw = (): number => {
    if (place === order.length) {
      random.shuffle(order)
      place = 0
    }
    return order[place++] as number
  }

  let waiting: number[] = []
  for (;;) {
    const batch: number[] = []
    const queries = new Set<number>()
    const passages = new Set<number>()
    const passedOver: number[] = []
    const take = (row: number): boolean => {
      const query = data.queries[row] as number
      const passage = data.passages[data.positives[row] as number] as number
      if (queries.has(query) || passages.has(passage)) return false
      queries.add(query)
      passages.add(passage)
      batch.push(row)
      return true
    }
    let next = 0
    while (next < waiting.length && batch.length < length) {
      const row = waiting[next++] as number
      if (!take(row)) passedOver.push(row)
    }
    const later = waiting.slice(next)
    while (batch.length < length && passedOver.length + later.length < LOOK_AHEAD * length) {
      const row = draw()
      if (!take(row)) passedOver.push(row)
    }
    while (batch.length < length) batch.push(passedOver.shift() as number)
    waiting = [...passedOver, ...later]
    yield Uint32Array.from(batch)
  }
}
