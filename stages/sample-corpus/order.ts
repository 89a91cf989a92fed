import type { Survey } from './survey.ts'

/**
 * Orders of eligible documents, as their numbers. The first n of an order are a sample, so samples of every size are
 * nested. Ties are broken by chance, and that by the order of the corpus.
 */

/** Marks the first `wanted` documents in the order of chance, without sorting their numbers. */
export function markByChance({ hashes }: Survey, wanted: number, mark: (document: number) => void): void {
  if (wanted === 0) return
  const sorted = hashes.sorted()
  const last = sorted[wanted - 1] as bigint
  // Of documents that share the last hash, the first ones of the corpus are taken.
  let below = wanted - 1
  while (below > 0 && sorted[below - 1] === last) below--
  let ofLast = wanted - below
  for (let document = 0; document < hashes.length; document++) {
    const hash = hashes.get(document)
    if (hash < last || (hash === last && ofLast-- > 0)) mark(document)
  }
}

/**
 * Each stratum in the order of chance, all at the same pace: any first part of the order has of each stratum its share,
 * to within one document. Documents of one stratum never change places.
 */
export function stratifiedOrder({ hashes, values, strata }: Survey): Uint32Array {
  const byChance = hashes.order()
  const sizes = new Uint32Array(strata.length)
  for (const document of byChance) sizes[values.get(document)]!++
  const taken = new Uint32Array(strata.length)
  const pace = new Float64Array(byChance.length)
  for (const document of byChance) {
    const stratum = values.get(document)
    pace[document] = ((taken[stratum] as number) + 0.5) / (sizes[stratum] as number)
    taken[stratum]!++
  }
  return sortedBy(byChance, pace)
}

/**
 * Without replacement, each next document with a probability by its weight (Efraimidis and Spirakis 2006: ascending
 * −ln(u) / weight, u uniform by hash). A document's place depends on its own id and weight alone. Those without weight
 * come last.
 */
export function weightedOrder({ hashes, values }: Survey): Uint32Array {
  const keys = new Float64Array(hashes.length)
  for (let document = 0; document < keys.length; document++) {
    // 53 bits, never 0.
    const uniform = (Number(hashes.get(document) >> 11n) + 0.5) / 2 ** 53
    keys[document] = -Math.log(uniform) / values.get(document)
  }
  return sortedBy(hashes.order(), keys)
}

/** By length in words, the longest first or the shortest. */
export function lengthOrder({ hashes, values }: Survey, longest: boolean): Uint32Array {
  const keys = Float64Array.from(values.values(), (words) => (longest ? -words : words))
  return sortedBy(hashes.order(), keys)
}

/** The documents of an order by ascending keys; equal ones stay as they were. */
export function sortedBy(order: Uint32Array, keys: Float64Array): Uint32Array {
  const place = new Uint32Array(order.length)
  for (let i = 0; i < order.length; i++) place[order[i] as number] = i
  return order.sort((a, b) => {
    const x = keys[a] as number
    const y = keys[b] as number
    // Not by subtraction: keys may be infinite.
    return x < y ? -1 : x > y ? 1 : (place[a] as number) - (place[b] as number)
  })
}
