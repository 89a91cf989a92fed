import type { UnitVectors } from './embedding-table.ts'
import { type RankingLoss, rankingLoss } from './ranking-loss.ts'

/** What is made small: the ranking loss, in one direction or both, over all dimensions or first ones too. */
export interface Objective {
  /** Factor of the cosines under the softmax. */
  scale: number
  /** Each passage also has to find its query among the anchors of the batch; the mean of both counts. */
  symmetric?: boolean | undefined
  /** The loss is summed over the first so many dimensions, for each of these; none: over all dimensions. */
  matryoshka?: readonly number[] | undefined
}

/** The loss of a batch under an objective and its gradients, as SentenceTransformers' losses of these options give them. */
export function objectiveLoss(
  anchors: UnitVectors,
  candidates: UnitVectors,
  masked: Uint8Array,
  { scale, symmetric = false, matryoshka }: Objective,
): RankingLoss {
  const one = symmetric ? symmetricLoss : rankingLoss
  if (!matryoshka) return one(anchors, candidates, masked, scale)
  const sum: RankingLoss = {
    loss: 0,
    byAnchor: new Float32Array(anchors.units.length),
    byCandidate: new Float32Array(candidates.units.length),
  }
  for (const dimensions of matryoshka) {
    const shortAnchors = firstDimensions(anchors, dimensions)
    const shortCandidates = firstDimensions(candidates, dimensions)
    const { loss, byAnchor, byCandidate } = one(shortAnchors, shortCandidates, masked, scale)
    sum.loss += loss
    addBack(sum.byAnchor, shortAnchors, byAnchor, dimensions)
    addBack(sum.byCandidate, shortCandidates, byCandidate, dimensions)
  }
  return sum
}

/** The mean of both directions; the second one is the first with its sides changed, negatives left out. */
function symmetricLoss(anchors: UnitVectors, candidates: UnitVectors, masked: Uint8Array, scale: number): RankingLoss {
  const n = anchors.count
  const m = candidates.count
  const positives = { ...candidates, count: n, units: candidates.units.subarray(0, anchors.units.length) }
  const turned = new Uint8Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) turned[j * n + i] = masked[i * m + j]!
  const there = rankingLoss(anchors, candidates, masked, scale)
  const back = rankingLoss(positives, anchors, turned, scale)
  const { byAnchor, byCandidate } = there
  for (let i = 0; i < byAnchor.length; i++) byAnchor[i] = (byAnchor[i]! + back.byCandidate[i]!) / 2
  for (let i = 0; i < byCandidate.length; i++)
    byCandidate[i] = (byCandidate[i]! + (i < back.byAnchor.length ? back.byAnchor[i]! : 0)) / 2
  return { loss: (there.loss + back.loss) / 2, byAnchor, byCandidate }
}

/** The first dimensions of unit vectors as unit vectors; `lengths` are those they had before. */
function firstDimensions({ count, units }: UnitVectors, dimensions: number): UnitVectors {
  const columns = count === 0 ? 0 : units.length / count
  const short = new Float32Array(count * dimensions)
  const lengths = new Float64Array(count)
  for (let t = 0; t < count; t++) {
    let squares = 0
    for (let d = 0; d < dimensions; d++) squares += units[t * columns + d]! ** 2
    const length = Math.sqrt(squares)
    lengths[t] = length
    if (length > 0) for (let d = 0; d < dimensions; d++) short[t * dimensions + d] = units[t * columns + d]! / length
  }
  return { count, units: short, lengths }
}

/** Adds gradients by shortened unit vectors, carried back through the scaling, to those by whole ones. */
function addBack(
  into: Float32Array,
  { count, units, lengths }: UnitVectors,
  byShort: Float32Array,
  dimensions: number,
): void {
  const columns = count === 0 ? 0 : into.length / count
  for (let t = 0; t < count; t++) {
    const length = lengths[t]!
    if (length === 0) continue
    const at = t * dimensions
    let along = 0
    for (let d = 0; d < dimensions; d++) along += byShort[at + d]! * units[at + d]!
    for (let d = 0; d < dimensions; d++) into[t * columns + d]! += (byShort[at + d]! - along * units[at + d]!) / length
  }
}
