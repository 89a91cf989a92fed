import type { UnitVectors } from './embedding-table.ts'

/** Loss of one batch and its gradients by the unit vectors of both sides. */
export interface RankingLoss {
  /** Mean over anchors, natural logarithm. */
  loss: number
  byAnchor: Float32Array
  byCandidate: Float32Array
}

/**
 * Multiple negatives ranking loss (Henderson et al. 2017): the cross entropy of each anchor's positive among all
 * candidates under a softmax of `scale` × cosine. Candidate i is the positive of anchor i; further ones are negatives.
 * A candidate with `masked[i × candidates + j]` = 1 does not count for anchor i. Sums are in double precision,
 * candidates and dimensions ascending; the exponential is the engine's own (V8's is one program on all machines).
 */
export function rankingLoss(
  anchors: UnitVectors,
  candidates: UnitVectors,
  masked: Uint8Array,
  scale: number,
): RankingLoss {
  const n = anchors.count
  const m = candidates.count
  const a = anchors.units
  const c = candidates.units
  const dimensions = n === 0 ? 0 : a.length / n
  const byAnchor = new Float32Array(a.length)
  const byCandidate = new Float32Array(c.length)
  const scores = new Float64Array(m)
  let total = 0
  for (let i = 0; i < n; i++) {
    const mask = masked.subarray(i * m, (i + 1) * m)
    dotProducts(scores, a, i * dimensions, c, m, dimensions)
    let greatest = Number.NEGATIVE_INFINITY
    for (let j = 0; j < m; j++) {
      scores[j] = mask[j] === 1 ? Number.NEGATIVE_INFINITY : scale * scores[j]!
      if (scores[j]! > greatest) greatest = scores[j]!
    }
    const own = scores[i]!
    let sum = 0
    for (let j = 0; j < m; j++) {
      scores[j] = Math.exp(scores[j]! - greatest)
      sum += scores[j]!
    }
    total += Math.log(sum) + greatest - own
    for (let j = 0; j < m; j++) scores[j] = (scale * (scores[j]! / sum - (j === i ? 1 : 0))) / n
    addGradients(scores, a, byAnchor, i * dimensions, c, byCandidate, m, dimensions)
  }
  return { loss: n === 0 ? 0 : total / n, byAnchor, byCandidate }
}

/** Products of one anchor with all candidates; four at a time, so that no sum waits for another. */
function dotProducts(
  out: Float64Array,
  a: Float32Array,
  at: number,
  c: Float32Array,
  m: number,
  columns: number,
): void {
  let j = 0
  for (; j + 3 < m; j += 4) {
    const c0 = j * columns
    const c1 = c0 + columns
    const c2 = c1 + columns
    const c3 = c2 + columns
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let d = 0; d < columns; d++) {
      const x = a[at + d]!
      s0 += x * c[c0 + d]!
      s1 += x * c[c1 + d]!
      s2 += x * c[c2 + d]!
      s3 += x * c[c3 + d]!
    }
    out[j] = s0
    out[j + 1] = s1
    out[j + 2] = s2
    out[j + 3] = s3
  }
  for (; j < m; j++) {
    let s = 0
    for (let d = 0; d < columns; d++) s += a[at + d]! * c[j * columns + d]!
    out[j] = s
  }
}

/** Adds what one anchor's scores give to both sides; candidates that are masked have a gradient of 0. */
function addGradients(
  byScore: Float64Array,
  a: Float32Array,
  byAnchor: Float32Array,
  at: number,
  c: Float32Array,
  byCandidate: Float32Array,
  m: number,
  columns: number,
): void {
  for (let j = 0; j < m; j++) {
    const gradient = byScore[j]!
    // Also below what a float of the table could show: most candidates are, once training has gone on for a while.
    if (Math.abs(gradient) < 1e-12) continue
    const from = j * columns
    for (let d = 0; d < columns; d++) {
      byAnchor[at + d]! += gradient * c[from + d]!
      byCandidate[from + d]! += gradient * a[at + d]!
    }
  }
}
