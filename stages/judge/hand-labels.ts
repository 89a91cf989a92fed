import { formByName } from '../data/form.ts'
import { readJsonl } from '../data/jsonl.ts'
import { readQrels } from '../data/qrels.ts'
import { type Json, StageError, type StageInput } from '../define.ts'
import type { PairKey } from './pair-key.ts'

/** Grades that people gave. */
export interface HandLabels {
  /** The grade of a pair, by its texts or else by its ids. */
  of(pair: PairKey, query: string, passage: string): number | undefined
  size: number
}

/**
 * Reads grades from what `audit --export` writes (JSON Lines; `pair` and `grade`, or `query_id`, `passage_id` and `grade`;
 * rows without a grade are labels of another kind), or from judgements in BEIR's or TREC's form. Of a pair that stands in
 * JSON Lines twice, the last counts.
 */
export async function readHandLabels(input: StageInput | undefined): Promise<HandLabels> {
  const byText = new Map<string, number>()
  const byIds = new Map<string, number>()
  if (input !== undefined) {
    const file = input.type === 'path' && !input.folder ? input.files[0] : undefined
    if (input.type !== 'path' || !file)
      throw new StageError('`hand` must be one file', { advice: 'It is what `queryloom audit … --export` writes.' })
    if (formByName(input.path) === 'jsonl') await readRows(file.location, input.path, byText, byIds)
    else {
      const source = { ...file, reading: { form: formByName(input.path) ?? 'tsv' } }
      for await (const { query, passage, relevance } of readQrels(source))
        byIds.set(JSON.stringify([query, passage]), relevance)
    }
  }
  return {
    of: (pair, query, passage) => byText.get(pair) ?? byIds.get(JSON.stringify([query, passage])),
    size: byText.size + byIds.size,
  }
}

async function readRows(
  location: string,
  shown: string,
  byText: Map<string, number>,
  byIds: Map<string, number>,
): Promise<void> {
  for await (const { row, line } of readJsonl<{ [name: string]: Json }>(location, shown)) {
    const { pair, query_id, passage_id, grade } = row
    if (grade === undefined || grade === null) continue
    const where = `${shown}:${line}`
    if (!Number.isSafeInteger(grade) || Math.abs(grade as number) > 1e6)
      throw new StageError(`a grade must be a whole number, not ${JSON.stringify(grade)}`, { where })
    if (typeof pair === 'string') byText.set(pair, grade as number)
    else if (typeof query_id === 'string' && typeof passage_id === 'string')
      byIds.set(JSON.stringify([query_id, passage_id]), grade as number)
    else
      throw new StageError('the row does not say what it grades', {
        where,
        advice: 'It needs `pair`, as `queryloom audit … --export` writes it, or `query_id` and `passage_id`.',
      })
  }
}
