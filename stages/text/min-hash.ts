import { hash64 } from '../../cache/xxh.ts'

/** How a sketch is cut into bands, each of which makes two texts candidates where it is equal. */
interface Banding {
  bands: number
  rows: number
}

const MOST_HASHES = 128
/** Share of the pairs that are just as alike as the threshold says which must be found. */
const RECALL = 0.995

/**
 * The fewest candidates by which two sets of Jaccard index `threshold` still meet in a band with at least this
 * probability: 1 - (1 - t^rows)^bands, with the most rows for which `MOST_HASHES` suffice.
 */
export function bandingFor(threshold: number, recall: number = RECALL): Banding {
  let found: Banding = { bands: MOST_HASHES, rows: 1 }
  for (let rows = 1; rows <= 32; rows++) {
    const meets = threshold ** rows
    const bands = meets >= 1 ? 1 : Math.ceil(Math.log(1 - recall) / Math.log(1 - meets))
    if (bands * rows > MOST_HASHES) break
    found = { bands, rows }
  }
  return found
}

/** XXH64 of each member of a set, as two halves; members that occur twice count once. */
export function memberHashes(members: Iterable<string>): Float64Array {
  const hashes = new Set<bigint>()
  for (const member of members) hashes.add(hash64(member))
  // 53 bits keep their order and fit a double, which compares fast.
  return Float64Array.from(hashes, (hash) => Number(hash >> 11n)).sort()
}

/** |A ∩ B| / |A ∪ B| of two sets of numbers, each in ascending order; 0 where one is empty. */
export function jaccardOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as number
    const right = b[j] as number
    if (left === right) shared++
    if (left <= right) i++
    if (right <= left) j++
  }
  return shared === 0 ? 0 : shared / (a.length + b.length - shared)
}

/**
 * Finds texts that are nearly equal among many, by MinHash over XXH64 (Broder 1997) in bands (locality-sensitive hashing):
 * texts that meet in a band are candidates, and candidates are compared exactly, so that nothing below the threshold is
 * ever found and what is as alike as the threshold is found with probability 0.995 or more. The time for a text does not
 * grow with how frequent its words are. `loadXxh()` must have been awaited.
 */
export class MinHashIndex {
  readonly #threshold: number
  readonly #banding: Banding
  readonly #seeds: Uint32Array
  readonly #sketch: Uint32Array
  /** Texts that have the same band, by the band's hash. */
  readonly #buckets: Map<number, number[]>[]
  readonly #sets: Float64Array[] = []

  constructor(threshold: number) {
    if (!(threshold > 0 && threshold <= 1)) throw new RangeError(`a Jaccard threshold lies in (0, 1]: ${threshold}`)
    this.#threshold = threshold
    this.#banding = bandingFor(threshold)
    const hashes = this.#banding.bands * this.#banding.rows
    this.#sketch = new Uint32Array(hashes)
    this.#seeds = Uint32Array.from({ length: hashes }, (_, i) => Number(hash64(`min-hash\t${i}`) & 0xffff_ffffn))
    this.#buckets = Array.from({ length: this.#banding.bands }, () => new Map())
  }

  get size(): number {
    return this.#sets.length
  }

  /** The greatest Jaccard index, if it reaches the threshold, with a text that was added; else 0, and adds the text. */
  addUnlessNear(members: Iterable<string>): number {
    const set = memberHashes(members)
    if (set.length === 0) return 0
    const bands = this.#bandsOf(set)
    const candidates = new Set<number>()
    for (const [band, key] of bands.entries())
      for (const other of this.#buckets[band]?.get(key) ?? []) candidates.add(other)
    let greatest = 0
    for (const other of candidates) greatest = Math.max(greatest, jaccardOf(set, this.#sets[other] as Float64Array))
    if (greatest >= this.#threshold) return greatest
    const text = this.#sets.push(set) - 1
    for (const [band, key] of bands.entries()) {
      const buckets = this.#buckets[band] as Map<number, number[]>
      const bucket = buckets.get(key)
      if (bucket) bucket.push(text)
      else buckets.set(key, [text])
    }
    return 0
  }

  #bandsOf(set: Float64Array): Float64Array {
    const sketch = this.#sketch
    for (let i = 0; i < sketch.length; i++) {
      const seed = this.#seeds[i] as number
      let least = 0xffff_ffff
      for (const member of set) {
        const hash = mix(member, seed)
        if (hash < least) least = hash
      }
      sketch[i] = least
    }
    const { bands, rows } = this.#banding
    return Float64Array.from({ length: bands }, (_, band) => {
      let high = 0x811c9dc5
      let low = band
      for (let row = 0; row < rows; row++) {
        const value = sketch[band * rows + row] as number
        high = Math.imul(high ^ value, 0x01000193)
        low = scramble(low ^ value)
      }
      return (high >>> 11) * 2 ** 32 + (low >>> 0)
    })
  }
}

/** One of a family of hash functions, of 53 bits to 32. */
function mix(value: number, seed: number): number {
  const high = Math.floor(value / 2 ** 32)
  return scramble(scramble((value % 2 ** 32) ^ seed) ^ high) >>> 0
}

/** The finaliser of MurmurHash3: every bit of the input changes every bit of the output half of the time. */
function scramble(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
