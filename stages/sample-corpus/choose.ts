import { loadXxh } from '../../cache/xxh.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { readChosenRows, readPassageRows } from '../data/beir.ts'
import { chunksOf } from '../data/chunk.ts'
import type { Passage } from '../data/rows.ts'
import { type Json, type SourceFile, StageError } from '../define.ts'
import { gplBudget } from './budget.ts'
import { type CleanCounts, Cleaning } from './clean.ts'
import { lengthOrder, markByChance, stratifiedOrder, weightedOrder } from './order.ts'
import type { SampleOptions } from './stage.ts'
import { type Survey, survey } from './survey.ts'

/** What became of the documents of a corpus; complete once the passages were read to the end. */
type SampleCounts = CleanCounts & {
  /** Chosen documents. */
  documents: number
  /** Rows written: chosen documents, or the windows that they were cut into. */
  passages: number
}

/** A sample, streamed in the order of the corpus, as many passages at once as came together. */
export interface Sample {
  counts: SampleCounts
  /** What else is worth telling, by name; complete like the counts. */
  details: { [name: string]: Json }
  warnings: string[]
  passages: AsyncGenerator<Passage[]>
}

/**
 * The first `wanted` eligible documents in an order that needs more than one look at the corpus; `details` are added to
 * those of the sample.
 */
export type FindOrder = (found: Survey, wanted: number, details: { [name: string]: Json }) => Promise<Uint32Array>

/**
 * The sample that the options ask for. The eligible documents have one order, by strategy and seed, and the first
 * round(fraction x eligible) of it are taken: a smaller fraction is a subset of a larger one. Reads the corpus twice and
 * keeps 12 to 20 bytes a document (and the hashes of texts for duplicates), no text. `within` is asked for each piece of
 * the first pass and each of the second whether to go on; if not, a StageError.
 */
export function choosePassages(
  corpus: SourceFile,
  options: SampleOptions,
  within: (read: number, of?: number) => boolean = () => true,
  findOrder?: FindOrder,
): Sample {
  const cleaning = new Cleaning(options)
  const counts: SampleCounts = Object.assign(cleaning.counts, { documents: 0, passages: 0 })
  const sample = { counts, details: {}, warnings: [] }
  return { ...sample, passages: generate(corpus, options, cleaning, sample, within, findOrder) }
}

async function* generate(
  corpus: SourceFile,
  options: SampleOptions,
  cleaning: Cleaning,
  sample: Omit<Sample, 'passages'>,
  within: (read: number, of?: number) => boolean,
  findOrder: FindOrder | undefined,
): AsyncGenerator<Passage[]> {
  const { counts } = sample
  await loadXxh()
  const go = (read: number, of?: number): true => {
    if (!within(read, of)) throw new StageError('stopped while the corpus was read')
    return true
  }
  if (options.strategy === 'all' || options.fraction === 1) {
    for await (const { rows } of readPassageRows(corpus)) {
      yield passagesOf(
        rows.filter((row) => cleaning.isEligible(row)),
        options,
        counts,
      )
      go(counts.read)
    }
    tellOfCleaning(cleaning, sample)
    return
  }
  const found = await survey(corpus, options, cleaning, go)
  const wanted = wantedOf(options, found.rows.length, sample)
  const chosen = new Uint8Array(counts.read)
  const mark = (document: number): void => {
    chosen[found.rows.get(document)] = 1
  }
  if (options.strategy === 'random') markByChance(found, wanted, mark)
  else
    for (const document of (await orderOf(found, wanted, options, sample, findOrder)).subarray(0, wanted))
      mark(document)
  if (options.strategy === 'stratified') tellOfStrata(found, chosen, sample)
  tellOfCleaning(cleaning, sample)
  if (wanted === 0) return
  let read = 0
  const isChosen = (row: number): boolean => {
    read = row
    return chosen[row] === 1
  }
  for await (const { rows } of readChosenRows(corpus, isChosen)) {
    yield passagesOf(rows, options, counts)
    go(read, counts.read)
    if (counts.documents === wanted) return
  }
}

function wantedOf(
  { budget, count, fraction = 1 }: SampleOptions,
  eligible: number,
  sample: Omit<Sample, 'passages'>,
): number {
  if (budget === 'auto') {
    const { passages, per_passage } = gplBudget(eligible)
    sample.details.budget = { passages, queries_per_passage: per_passage, queries: passages * per_passage }
    return passages
  }
  return Math.min(count ?? Math.round(fraction * eligible), eligible)
}

async function orderOf(
  found: Survey,
  wanted: number,
  { strategy }: SampleOptions,
  sample: Omit<Sample, 'passages'>,
  findOrder: FindOrder | undefined,
): Promise<Uint32Array> {
  switch (strategy) {
    case 'stratified':
      return stratifiedOrder(found)
    case 'weighted': {
      if (found.without > 0)
        sample.warnings.push(`${found.without} passages have no weight; they are taken last, by chance`)
      return weightedOrder(found)
    }
    case 'longest':
    case 'shortest':
      return lengthOrder(found, strategy === 'longest')
    case 'diverse':
    case 'uncertain':
      if (!findOrder) throw new Error(`strategy ${strategy} needs more than the corpus`)
      return findOrder(found, wanted, sample.details)
    case 'random':
    case 'all':
      throw new Error(`strategy ${strategy} has no order of its own`)
    default:
      return unreachable(strategy)
  }
}

const MOST_STRATA_TOLD = 50

function tellOfStrata(
  { rows, values, strata, without }: Survey,
  chosen: Uint8Array,
  sample: Omit<Sample, 'passages'>,
): void {
  const told = strata.map((name) => ({ name, eligible: 0, chosen: 0 }))
  for (let document = 0; document < rows.length; document++) {
    const stratum = told[values.get(document)]!
    stratum.eligible++
    stratum.chosen += chosen[rows.get(document)] as number
  }
  const largest = told.sort((a, b) => b.eligible - a.eligible || (a.name < b.name ? -1 : 1)).slice(0, MOST_STRATA_TOLD)
  sample.details.strata = { count: strata.length, largest }
  if (without > 0) sample.warnings.push(`${without} passages have no stratum; they are one of their own`)
}

function tellOfCleaning({ counts, empty }: Cleaning, { warnings }: Omit<Sample, 'passages'>): void {
  if (empty > 0) warnings.push(`${empty} of ${counts.read} passages of the corpus have no text`)
  if (counts.duplicates > 0)
    warnings.push(`${counts.duplicates} passages have the title and text of an earlier one; they were left out`)
}

function passagesOf(
  rows: readonly { _id: string; title: string; text: string }[],
  { chunk }: SampleOptions,
  counts: SampleCounts,
): Passage[] {
  const documents = rows.map(({ _id, title, text }): Passage => ({ _id, doc_id: _id, title, text }))
  const passages = chunk ? documents.flatMap((document) => chunksOf(document, chunk)) : documents
  counts.documents += documents.length
  counts.passages += passages.length
  return passages
}
