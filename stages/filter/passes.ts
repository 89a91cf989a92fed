import { Column } from '../data/column.ts'
import { round6 } from '../data/quantiles.ts'
import type { Pair, Passage } from '../data/rows.ts'
import { Candidate } from './candidate.ts'
import type { Step, Verdict } from './steps/step.ts'
import { Tally } from './tally.ts'

/** A pair and what became of it. */
export interface Decided {
  candidate: Candidate
  /** The first step that dropped it. */
  reason?: { step: string; score: number | null; detail?: string }
  /** What the steps measured, by name, where that is to be kept. */
  scores?: { readonly [step: string]: number | null }
}

/** Reads the pairs from their beginning, in batches. */
export type PairSource = () => AsyncIterable<readonly { pair: Pair; passage: Passage }[]>

/**
 * Takes every pair through the steps in order; a row keeps its first reason. The rows are read once, and once more after
 * each step that decides only when it has seen them all. Held are 9 bytes a row (8 more a step with `keepScores`), and
 * what the steps hold. Yields every row in order, in batches.
 */
export class Passes {
  readonly tallies: readonly Tally[]
  readonly #steps: readonly Step[]
  readonly #keepScores: boolean
  /** 0: alive; i + 1: dropped by step i. */
  readonly #droppedBy = Column.bytes()
  readonly #scores: readonly Column<Float64Array>[]
  readonly #details = new Map<number, string>()
  readonly #moved = new Map<number, Passage>()

  constructor(steps: readonly Step[], keepScores: boolean) {
    this.#steps = steps
    this.#keepScores = keepScores
    this.tallies = steps.map(() => new Tally())
    this.#scores = Array.from({ length: keepScores ? steps.length : 1 }, () => Column.floats())
  }

  async *run(source: PairSource): AsyncGenerator<Decided[]> {
    let from = 0
    let decided: ((row: number) => Verdict) | undefined
    for (;;) {
      const to = this.#steps.findIndex((step, i) => i >= from && step.settle !== undefined)
      const last = to === -1
      // The step that decides at the end of this pass measures in it, and is asked for its verdicts in the next one.
      for await (const batch of this.#pass(source, decided, from, last ? this.#steps.length : to + 1))
        if (last) yield batch.map((candidate) => this.#outcome(candidate))
      if (last) return
      decided = await this.#steps[to]?.settle?.()
      from = to + 1
    }
  }

  /** Runs steps `from` up to `to`, after what the step before them decided. */
  async *#pass(
    source: PairSource,
    decided: ((row: number) => Verdict) | undefined,
    from: number,
    to: number,
  ): AsyncGenerator<Candidate[]> {
    let row = 0
    for await (const batch of source()) {
      const candidates = batch.map(({ pair, passage }, i) => {
        const at = row + i
        return new Candidate(at, pair, this.#moved.get(at) ?? passage)
      })
      row += batch.length
      let alive = candidates.filter((candidate) => this.#droppedBy.get(candidate.row) === 0)
      if (decided) {
        const decide = decided
        alive = this.#apply(
          from - 1,
          alive,
          alive.map((candidate) => decide(candidate.row)),
        )
      }
      for (let step = from; step < to && alive.length > 0; step++) {
        const verdicts = await (this.#steps[step] as Step).judge(alive)
        if (!this.#steps[step]?.settle) alive = this.#apply(step, alive, verdicts)
      }
      yield candidates
    }
  }

  /** Notes the verdicts; the candidates that are left. */
  #apply(step: number, candidates: readonly Candidate[], verdicts: readonly Verdict[]): Candidate[] {
    const tally = this.tallies[step] as Tally
    return candidates.filter((candidate, i) => {
      const { keep, score, detail, passage } = verdicts[i] as Verdict
      tally.add(keep, score)
      const { row } = candidate
      if (this.#keepScores) this.#noteScore(this.#scores[step] as Column<Float64Array>, row, score)
      if (keep) {
        if (passage) {
          candidate.passage = passage
          this.#moved.set(row, passage)
        }
        return true
      }
      this.#droppedBy.set(row, step + 1)
      if (!this.#keepScores) this.#noteScore(this.#scores[0] as Column<Float64Array>, row, score)
      if (detail !== undefined) this.#details.set(row, detail)
      return false
    })
  }

  // 0 is what a row has that was never measured, so that scores stand one beside themselves: NaN is no score.
  #noteScore(column: Column<Float64Array>, row: number, score: number | null): void {
    while (column.length < row) column.push(Number.NaN)
    column.set(row, score ?? Number.NaN)
  }

  #outcome(candidate: Candidate): Decided {
    const { row } = candidate
    const droppedBy = this.#droppedBy.get(row)
    const scoreIn = (column: Column<Float64Array> | undefined): number | null => {
      const score = column && row < column.length ? column.get(row) : Number.NaN
      return Number.isNaN(score) ? null : round6(score)
    }
    const scores: { [step: string]: number | null } = {}
    if (this.#keepScores)
      for (const [i, step] of this.#steps.entries()) {
        if (droppedBy !== 0 && i >= droppedBy) break
        const score = scoreIn(this.#scores[i])
        if (score !== null) scores[step.name] = score
      }
    if (droppedBy === 0) return { candidate, ...(this.#keepScores ? { scores } : {}) }
    const detail = this.#details.get(row)
    return {
      candidate,
      reason: {
        step: (this.#steps[droppedBy - 1] as Step).name,
        score: scoreIn(this.#scores[this.#keepScores ? droppedBy - 1 : 0]),
        ...(detail === undefined ? {} : { detail }),
      },
      ...(this.#keepScores ? { scores } : {}),
    }
  }
}
