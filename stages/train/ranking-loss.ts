import { KernelMemory, strideOf } from '../kernels/kernels.ts'
import type { UnitVectors } from './embedding-table.ts'

/** Loss of one batch and its gradients by the unit vectors of both sides. */
export interface RankingLoss {
  /** Mean over anchors, natural logarithm. */
  loss: number
  byAnchor: Float32Array
  byCandidate: Float32Array
}

/** Where the vectors, the scores and the gradients of a batch lie while they are worked on; one batch follows another. */
let room: { memory: KernelMemory; at: number; numbers: number } | undefined

/**
 * Multiple negatives ranking loss (Henderson et al. 2017): the cross entropy of each anchor's positive among all
 * candidates under a softmax of `scale` × cosine. Candidate i is the positive of anchor i; further ones are negatives.
 * A candidate with `masked[i × candidates + j]` = 1 does not count for anchor i. Cosines and gradients are in single
 * precision, the softmax in double, all sums in a fixed order; the exponential is the engine's own (V8's is one program
 * on all machines).
 */
export function rankingLoss(
  anchors: UnitVectors,
  candidates: UnitVectors,
  masked: Uint8Array,
  scale: number,
): RankingLoss {
  const n = anchors.count
  const m = candidates.count
  const dimensions = n === 0 ? 0 : anchors.units.length / n
  if (n === 0) return { loss: 0, byAnchor: new Float32Array(0), byCandidate: new Float32Array(candidates.units.length) }
  const stride = strideOf(dimensions)
  const { memory, a, c, scores, out } = layOut(n, m, stride)
  memory.put(a, anchors.units, dimensions)
  memory.put(c, candidates.units, dimensions)
  memory.run.products(a, n, c, m, stride, scores)
  const loss = softmax(memory.floats(scores, n * m), masked, n, m, scale)
  memory.run.weightedRows(scores, n, m, m, 1, c, stride, out)
  const byAnchor = memory.take(out, n, dimensions)
  memory.run.weightedRows(scores, m, 1, n, m, a, stride, out)
  return { loss, byAnchor, byCandidate: memory.take(out, m, dimensions) }
}

/** Puts the gradients by the cosines, anchors × candidates, in their place; gives the loss. */
function softmax(scores: Float32Array, masked: Uint8Array, n: number, m: number, scale: number): number {
  const row = new Float64Array(m)
  let total = 0
  for (let i = 0; i < n; i++) {
    const at = i * m
    let greatest = Number.NEGATIVE_INFINITY
    for (let j = 0; j < m; j++) {
      const score = masked[at + j] === 1 ? Number.NEGATIVE_INFINITY : scale * scores[at + j]!
      row[j] = score
      if (score > greatest) greatest = score
    }
    const own = row[i]!
    let sum = 0
    for (let j = 0; j < m; j++) {
      row[j] = Math.exp(row[j]! - greatest)
      sum += row[j]!
    }
    total += Math.log(sum) + greatest - own
    for (let j = 0; j < m; j++) {
      const gradient = (scale * (row[j]! / sum - (j === i ? 1 : 0))) / n
      // Below what a number of the table could show: most candidates are, once training has gone on for a while.
      scores[at + j] = Math.abs(gradient) < 1e-12 ? 0 : gradient
    }
  }
  return total / n
}

/** Addresses for the vectors of both sides, the scores, and one side's gradients. */
function layOut(
  n: number,
  m: number,
  stride: number,
): { memory: KernelMemory; a: number; c: number; scores: number; out: number } {
  const line = (numbers: number): number => Math.ceil(numbers / 16) * 16
  const numbers = [n * stride, m * stride, line(n * m), Math.max(n, m) * stride]
  const needed = numbers.reduce((sum, each) => sum + each, 0)
  if (!room || room.numbers < needed) {
    const memory = new KernelMemory()
    room = { memory, at: memory.reserve(needed), numbers: needed }
  }
  const a = room.at
  const c = a + numbers[0]! * 4
  const scores = c + numbers[1]! * 4
  return { memory: room.memory, a, c, scores, out: scores + numbers[2]! * 4 }
}
