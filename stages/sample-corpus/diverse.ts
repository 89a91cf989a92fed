import { setImmediate } from 'node:timers/promises'
import { StageError } from '../define.ts'

/** Rows of equal length, one after another; made of length 1 (or 0) here. */
export interface Vectors {
  values: Float32Array
  dimensions: number
}

interface Watch {
  signal: AbortSignal
  progress(done: number, total: number, note: string): void
}

/** Multiplications that farthest-first may take: some minutes. */
const MAX_WORK = 5e11
const ROUNDS = 10
/** Documents that centres are found among. */
const MAX_SAMPLE = 16_384
const MAX_CLUSTERS = 256

/** Scales every row to length 1, in place; zeros stay. */
export function normalise({ values, dimensions }: Vectors): void {
  for (let row = 0; row < values.length; row += dimensions) {
    let sum = 0
    for (let i = row; i < row + dimensions; i++) sum += values[i]! * values[i]!
    if (sum === 0) continue
    const scale = 1 / Math.sqrt(sum)
    for (let i = row; i < row + dimensions; i++) values[i]! *= scale
  }
}

/**
 * The first `wanted` documents by farthest-first traversal (Gonzalez 1985): the first by chance, then always the one
 * farthest from all before it; so every document is at most twice as far from the sample as from the best one of that
 * size. Copies of documents come when nothing else is left. Memory: 8 bytes a document beside the vectors.
 */
export async function farthestFirst(
  vectors: Vectors,
  byChance: Uint32Array,
  wanted: number,
  watch: Watch,
): Promise<Uint32Array> {
  const { dimensions } = vectors
  const n = byChance.length
  if (n * wanted * dimensions > MAX_WORK)
    throw new StageError(`farthest-first over ${n} passages, of which ${wanted} are chosen, takes too long`, {
      advice: 'Write `method: k_means`, which is for corpora of this size.',
    })
  const distances = new Float64Array(n).fill(Number.POSITIVE_INFINITY)
  const order = new Uint32Array(Math.min(wanted, n))
  let next = 0
  for (let step = 0; step < order.length; step++) {
    const centre = byChance[next] as number
    order[step] = centre
    distances[next] = Number.NEGATIVE_INFINITY
    let farthest = Number.NEGATIVE_INFINITY
    let at = next
    for (let i = 0; i < n; i++) {
      let distance = distances[i] as number
      if (distance === Number.NEGATIVE_INFINITY) continue
      const now = 1 - dot(vectors, centre, byChance[i] as number)
      if (now < distance) {
        distance = now
        distances[i] = now
      }
      if (distance > farthest) {
        farthest = distance
        at = i
      }
    }
    next = at
    if (step % 16 === 0) await breathe(watch, step, order.length, 'passages chosen')
  }
  return order
}

/**
 * All documents in turns over the clusters that k-means finds: the first of each cluster by chance, then the second of
 * each, … so that a sample has as much of a rare topic as of a common one. Centres are found among at most 16,384
 * documents chosen by chance, begun by farthest-first.
 */
export async function clusterOrder(
  vectors: Vectors,
  byChance: Uint32Array,
  clusters: number | undefined,
  watch: Watch,
): Promise<Uint32Array> {
  const n = byChance.length
  const wanted = Math.min(clusters ?? Math.min(MAX_CLUSTERS, Math.ceil(Math.sqrt(n))), n)
  const sample = byChance.subarray(0, Math.min(n, MAX_SAMPLE))
  const begun = await farthestFirst(vectors, sample.subarray(0, Math.max(wanted * 8, 1)), wanted, watch)
  const centres = copyRows(vectors, begun)
  for (let round = 0; round < ROUNDS; round++) {
    const sums = new Float64Array(centres.values.length)
    for (const [i, document] of sample.entries()) {
      if (i % 1024 === 0) await breathe(watch, round, ROUNDS, 'rounds of k-means')
      const offset = nearest(vectors, document, centres) * vectors.dimensions
      const from = document * vectors.dimensions
      for (let d = 0; d < vectors.dimensions; d++) sums[offset + d]! += vectors.values[from + d]!
    }
    // Of a centre that nothing is near to, the old place stays.
    for (let row = 0; row < sums.length; row += vectors.dimensions)
      if (sums.subarray(row, row + vectors.dimensions).some((value) => value !== 0))
        centres.values.set(sums.subarray(row, row + vectors.dimensions), row)
    normalise(centres)
  }
  const taken = new Uint32Array(wanted)
  const turns: Uint32Array[] = []
  const turn = new Uint32Array(n)
  for (const [i, document] of byChance.entries()) {
    if (i % 1024 === 0) await breathe(watch, i, n, 'passages put into clusters')
    turn[document] = taken[nearest(vectors, document, centres)]!++
  }
  // Documents of one turn stay in the order of chance.
  const sizes = new Uint32Array(Math.max(0, ...taken))
  for (const document of byChance) sizes[turn[document]!]!++
  for (const size of sizes) turns.push(new Uint32Array(size))
  const filled = new Uint32Array(turns.length)
  for (const document of byChance) turns[turn[document]!]![filled[turn[document]!]!++] = document
  const order = new Uint32Array(n)
  let at = 0
  for (const one of turns) {
    order.set(one, at)
    at += one.length
  }
  return order
}

function nearest(vectors: Vectors, document: number, centres: Vectors): number {
  const { dimensions, values } = vectors
  let best = Number.NEGATIVE_INFINITY
  let found = 0
  const from = document * dimensions
  for (let row = 0, centre = 0; row < centres.values.length; row += dimensions, centre++) {
    let sum = 0
    for (let d = 0; d < dimensions; d++) sum += values[from + d]! * centres.values[row + d]!
    if (sum > best) {
      best = sum
      found = centre
    }
  }
  return found
}

function dot({ values, dimensions }: Vectors, a: number, b: number): number {
  const from = a * dimensions
  const other = b * dimensions
  let sum = 0
  for (let d = 0; d < dimensions; d++) sum += values[from + d]! * values[other + d]!
  return sum
}

function copyRows({ values, dimensions }: Vectors, rows: Uint32Array): Vectors {
  const copy = new Float32Array(rows.length * dimensions)
  for (const [i, row] of rows.entries())
    copy.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
  return { values: copy, dimensions }
}

async function breathe({ signal, progress }: Watch, done: number, total: number, note: string): Promise<void> {
  progress(done, total, note)
  await setImmediate()
  signal.throwIfAborted()
}
