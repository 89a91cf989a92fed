import type { StageContext, StageInput } from '../define.ts'
import { openCrossEncoder } from '../retrieval/cross-encoder.ts'
import type { FullRow } from './training-rows.ts'

/** Gives rows the scores of a cross-encoder. */
export interface Teacher {
  /** Rows worth giving at once, with so many negatives each. */
  rows(negatives: number): number
  /** The rows with the scores of their positive and negatives, in that order (MarginMSE trains on the differences). */
  teach(rows: readonly FullRow[]): Promise<FullRow[]>
  readonly warnings: readonly string[]
  readonly facts: { readonly [name: string]: unknown }
  close(): Promise<void>
}

/** Opens the cross-encoder at an input as a teacher. */
export async function openTeacher(input: StageInput | undefined, context: StageContext<unknown>): Promise<Teacher> {
  const model = await openCrossEncoder(input, context)
  return {
    rows: (negatives) => Math.max(1, Math.floor(model.block / (1 + negatives))),
    warnings: model.warnings,
    facts: model.facts,
    async teach(rows) {
      const pairs = rows.flatMap(({ anchor, positive, negatives }) =>
        [positive, ...negatives].map((passage) => ({ query: anchor, passage })),
      )
      const scores = await model.score(pairs)
      let at = 0
      return rows.map((row) => {
        const own = scores.subarray(at, at + 1 + row.negatives.length)
        at += own.length
        return { ...row, scores: Array.from(own) }
      })
    },
    close: () => model.close(),
  }
}
