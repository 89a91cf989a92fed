import { readPassageRows } from '../data/beir.ts'
import { Column } from '../data/column.ts'
import { valueAt } from '../data/columns.ts'
import { HashColumn } from '../data/hash-column.ts'
import { type Json, type SourceFile, StageError } from '../define.ts'
import { type Cleaning, chanceOf, countWords } from './clean.ts'
import type { SampleOptions } from './stage.ts'

/** What is kept of the eligible documents of a corpus: 12 to 20 bytes each, no text. */
export interface Survey {
  /** Their numbers in the corpus. */
  rows: Column<Uint32Array>
  /** XXH64 of (seed, id): the order of chance. */
  hashes: HashColumn
  /** By strategy: number of the stratum, weight, words. */
  values: Column<Float64Array>
  /** Names of strata by number. */
  strata: string[]
  /** Documents without the field that strata or weights are in. */
  without: number
}

/** Reads a corpus once. `within` is asked after each piece whether to go on; if not, a StageError. */
export async function survey(
  corpus: SourceFile,
  options: SampleOptions,
  cleaning: Cleaning,
  within: (read: number) => boolean,
): Promise<Survey> {
  const { strategy, seed, field } = options
  const found: Survey = {
    rows: Column.integers(),
    hashes: new HashColumn(),
    values: Column.floats(),
    strata: [],
    without: 0,
  }
  const strata = new Map<string, number>()
  for await (const { rows, where } of readPassageRows(corpus)) {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as (typeof rows)[number]
      if (!cleaning.isEligible(row)) continue
      found.rows.push(cleaning.counts.read - 1)
      found.hashes.push(chanceOf(row._id, seed))
      if (strategy === 'longest' || strategy === 'shortest') found.values.push(countWords(row.text))
      if (field === undefined) continue
      const value = valueAt(row.fields, field)
      if (value === undefined || value === null || value === '') found.without++
      if (strategy === 'weighted') found.values.push(weightOf(value, field, () => where(i)))
      else if (strategy === 'stratified') {
        const name = typeof value === 'string' ? value : JSON.stringify(value ?? null)
        let stratum = strata.get(name)
        if (stratum === undefined) {
          stratum = strata.size
          strata.set(name, stratum)
          found.strata.push(name)
        }
        found.values.push(stratum)
      }
    }
    if (!within(cleaning.counts.read)) throw new StageError('stopped while the corpus was read')
  }
  return found
}

function weightOf(value: Json | undefined, field: string, where: () => string): number {
  if (value === undefined || value === null || value === '') return 0
  const weight = typeof value === 'string' ? Number(value) : value
  if (typeof weight === 'number' && Number.isFinite(weight) && weight >= 0) return weight
  throw new StageError(`the weight \`${field}\` must be a number of at least 0, not ${JSON.stringify(value)}`, {
    where: where(),
  })
}
