import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { loadXxh } from '../../cache/xxh.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { round6 } from '../data/quantiles.ts'
import { FILES } from '../data/rows.ts'
import type { Json, StageContext, StageSummary } from '../define.ts'
import { foldOf } from '../text/fold.ts'
import { bySource } from './batches.ts'
import { combineSources, eachOnce, withMore } from './combine.ts'
import { type Decontaminated, decontaminate } from './decontaminate.ts'
import { type Example, Examples, type Kind } from './examples.ts'
import { openExport } from './exports/export.ts'
import { type GoldPassages, readGoldPassages } from './gold-passages.ts'
import { type HoldOut, holdOut } from './hold-out.ts'
import { KnownPositives } from './known-positives.ts'
import { findNegatives, type Mining } from './negatives/mine.ts'
import type { MixOptions } from './options.ts'
import { Passages } from './passages.ts'
import { shufflePassages } from './shuffle.ts'
import { devSource, SourceReader } from './sources.ts'
import { fullRow, trainingRow, writeManifest } from './training-rows.ts'

const BREATH = 64
const DEFAULT_JACCARD = 0.6

/**
 * Reads the sources, drops what is too close to evaluation queries, holds out dev, mines negatives, and writes rows
 * ordered by hash of seed and ids: well mixed for training, and the same whatever the order of the sources' files. Texts
 * lie in scratch files; about 60 bytes a pair and 70 a passage stay in memory, and what a retriever holds.
 */
export async function run(context: StageContext<MixOptions>): Promise<StageSummary> {
  await loadXxh()
  const examples = new Examples(context.scratch)
  const passages = new Passages(context.scratch)
  try {
    return await mixAll(context, examples, passages)
  } finally {
    examples.close()
    passages.close()
  }
}

async function mixAll(
  context: StageContext<MixOptions>,
  examples: Examples,
  passages: Passages,
): Promise<StageSummary> {
  const { options } = context
  const { negatives, seed } = options
  const sources = new SourceReader(context, examples, passages)
  await sources.read(negatives !== 'none' && 'mine' in negatives)
  const kindOf = (source: number): Kind => sources.reports[source]?.kind ?? 'synthetic'
  const pool = { examples, passages, kindOf, seed }
  const known = new KnownPositives(examples, passages)

  const gold = await goldOf(context)
  const clean = await cleaned(context, pool, known, gold)
  const right = holdOut(clean.kept, options.dev, seed, {
    examples,
    passages,
    isLabelled: (row) => kindOf(examples.source(row)) === 'labelled',
    devSource: devSource(options),
  })
  const { crossFit, apart } = crossFitted(right.training, options, passages)
  const { training, unshuffled } = withShuffled(crossFit, options, known, { examples, passages })
  const chosen = combineSources(training, options.pairs, options.combine, pool)
  const mining = await findNegatives(context, chosen, { sources, examples, passages, known })
  const all = mining.positives.length === 0 ? chosen : withMore(chosen, mining.positives, pool)
  const batch = typeof options.batches === 'object' ? options.batches.by_source : undefined
  const rows = batch === undefined ? all : bySource(all, examples, batch, seed)
  const devRows = eachOnce(right.dev, pool)

  const columns = negatives === 'none' ? 0 : (negatives.per_query ?? 1)
  const writing = { context, ...pool, columns }
  const train = await write(writing, 'training', rows, (row) => mining.negatives(row), batch)
  const dev = await write(writing, 'dev', devRows, () => [], undefined)

  const keysOf = function* (of: Iterable<Example>): Generator<bigint> {
    for (const { passage } of of) yield passages.key(passage)
  }
  return summaryOf({
    options,
    sources,
    clean,
    right,
    apart,
    unshuffled,
    mining,
    written: train.bySource,
    total: rows.length,
    short: train.short,
    dev: dev.rows,
    gold: gold && { before: gold.among(keysOf(examples.all())), after: gold.among(keysOf(rows)) },
  })
}

async function goldOf({ options, inputs }: StageContext<MixOptions>): Promise<GoldPassages | undefined> {
  if (options.decontaminate?.gold === undefined) return undefined
  return readGoldPassages(
    options.decontaminate.against.map((_, i) => ({
      split: inputs[`decontaminate/against/${i}`],
      corpus: inputs[`decontaminate/corpora/${i}`],
    })),
  )
}

function cleaned(
  { options, inputs }: StageContext<MixOptions>,
  { examples, passages, kindOf }: { examples: Examples; passages: Passages; kindOf(source: number): Kind },
  known: KnownPositives,
  gold: GoldPassages | undefined,
): Promise<Decontaminated> {
  const { against = [], jaccard = DEFAULT_JACCARD, gold: rule = 'keep' } = options.decontaminate ?? {}
  const isGold = (row: number): boolean => {
    if (!gold || rule === 'keep') return false
    if (rule === 'labelled' && kindOf(examples.source(row)) !== 'labelled') return false
    return gold.has(passages.key(examples.passage(row)))
  }
  const splits = against.map((_, i) => inputs[`decontaminate/against/${i}`])
  return decontaminate(examples, known, options.pairs.length + 1, splits, jaccard, isGold)
}

/** What a model may see that is to judge the pairs of the fold that is left out. */
function crossFitted(
  training: Example[],
  { cross_fit }: MixOptions,
  passages: Passages,
): { crossFit: Example[]; apart: number } {
  if (!cross_fit) return { crossFit: training, apart: 0 }
  const { folds, without } = cross_fit
  const crossFit = training.filter(({ passage }) => foldOf(passages.text(passage), folds) !== without)
  return { crossFit, apart: training.length - crossFit.length }
}

/** The examples of the sources that ask for it with wrong passages; these are then no negatives of their queries. */
function withShuffled(
  training: readonly Example[],
  { pairs, seed }: MixOptions,
  known: KnownPositives,
  pool: { examples: Examples; passages: Passages },
): { training: Example[]; unshuffled: number } {
  if (!pairs.some(({ shuffle }) => shuffle)) return { training: [...training], unshuffled: 0 }
  const { examples, passages } = pool
  let unshuffled = 0
  const all = pairs.flatMap(({ shuffle }, i) => {
    const own = training.filter(({ row }) => examples.source(row) === i)
    if (!shuffle) return own
    const shuffled = shufflePassages(own, pool, known, seed)
    unshuffled += shuffled.dropped
    return shuffled.examples
  })
  for (const { row, passage } of all)
    if (pairs[examples.source(row)]?.shuffle) known.spare(examples.anchorKey(row), passages.key(passage))
  return { training: all, unshuffled }
}

interface Writing {
  context: StageContext<MixOptions>
  examples: Examples
  passages: Passages
  kindOf(source: number): Kind
  columns: number
}

/** Writes an output and its exports; says how many rows each source has in it. */
async function write(
  { context, columns, ...pool }: Writing,
  output: 'training' | 'dev',
  rows: readonly Example[],
  negativesOf: (row: number) => number[],
  batch: number | undefined,
): Promise<{ rows: number; bySource: number[]; short: boolean }> {
  const { options, outputs, signal, progress } = context
  const folder = outputs[output] as string
  const most = output === 'training' ? columns : 0
  const bySource: number[] = options.pairs.map(() => 0)
  const sources = { labelled: 0, synthetic: 0 }
  let short = false
  const writer = await writeJsonl(path.join(folder, FILES.training))
  const exporters = []
  try {
    for (const form of options.export ?? [])
      exporters.push(await openExport(form, outputs.exports as string, output === 'training' ? 'train' : 'dev'))
    for (const [done, example] of rows.entries()) {
      const found = negativesOf(example.row)
      if (found.length < most) short = true
      const row = fullRow(example, found, pool)
      await writer.write(trainingRow(row))
      for (const exporter of exporters) await exporter.write(row)
      const source = pool.examples.source(example.row)
      bySource[source] = (bySource[source] ?? 0) + 1
      sources[row.kind]++
      if (done % BREATH === 0) {
        progress(done, rows.length)
        await setImmediate()
        signal.throwIfAborted()
      }
    }
  } finally {
    await writer.close()
    for (const exporter of exporters) await exporter.close()
  }
  await writeManifest(folder, {
    rows: rows.length,
    negatives: most,
    sources,
    ...(batch === undefined ? {} : { batch_by_source: batch }),
  })
  return { rows: rows.length, bySource, short }
}

/** What the summary is made of. */
interface Outcome {
  options: MixOptions
  sources: SourceReader
  clean: Decontaminated
  right: HoldOut
  apart: number
  unshuffled: number
  mining: Mining
  written: readonly number[]
  total: number
  short: boolean
  dev: number
  gold: { before: ReturnType<GoldPassages['among']>; after: ReturnType<GoldPassages['among']> } | undefined
}

function summaryOf({ options, sources, clean, right, written, total, mining, gold, ...rest }: Outcome): StageSummary {
  const reports = sources.reports.slice(0, options.pairs.length)
  const details: { [name: string]: Json } = {
    sources: reports.map((report, i) => ({
      kind: report.kind,
      name: report.name,
      weight: options.pairs[i]?.weight ?? 1,
      read: report.read,
      empty: report.empty,
      decontaminated: clean.dropped[i] ?? 0,
      training: written[i] ?? 0,
      share: total === 0 ? 0 : round6((written[i] ?? 0) / total),
    })),
  }
  if (options.decontaminate)
    details.decontaminated = {
      evaluation_queries_reached: clean.queries,
      ...(gold
        ? {
            gold: {
              dropped: clean.byPassage,
              rows: { before: gold.before.rows, after: gold.after.rows },
              evaluation_queries: { before: gold.before.queries, after: gold.after.queries },
            },
          }
        : {}),
    }
  if (options.dev !== 'none') details.dev = { passages: right.passages, dropped_with_their_query: right.dropped }
  if (options.cross_fit) details.cross_fit = { left_out: rest.apart }
  const found = mining.reports()
  if (found.length > 0) details.mining = [...found]
  const warnings: string[] = []
  if (rest.unshuffled > 0)
    warnings.push(`left out for want of passages to shuffle them among: ${rest.unshuffled} pairs`)
  if (total === 0) warnings.push('there is nothing to train on')
  if (rest.short) warnings.push(tooFew(options))
  if (mining.incomplete > 0)
    warnings.push(`${mining.incomplete} negatives could not be judged, and will be asked about again`)
  return {
    counts: {
      pairs: reports.reduce((sum, { read }) => sum + read, 0),
      empty: reports.reduce((sum, { empty }) => sum + empty, 0),
      decontaminated: clean.dropped.reduce((sum, rows) => sum + rows, 0),
      training: total,
      dev: rest.dev,
      ...(mining.positives.length === 0 ? {} : { relabelled: mining.positives.length }),
    },
    ...(mining.incomplete === 0 ? {} : { incomplete: mining.incomplete }),
    ...(warnings.length > 0 ? { warnings } : {}),
    details,
  }
}

function tooFew({ negatives }: MixOptions): string {
  return typeof negatives === 'object' && ('from' in negatives || negatives.fill === 'none')
    ? 'some rows have fewer negatives than asked for: the mining report says why'
    : 'the corpus is too small for so many negatives: some rows have fewer'
}
