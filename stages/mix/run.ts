import { loadXxh } from '../../cache/xxh.ts'
import type { StageContext, StageSummary } from '../define.ts'
import { foldOf } from '../text/fold.ts'
import { bySource } from './batches.ts'
import { combineSources, eachOnce, withMore } from './combine.ts'
import { type Decontaminated, decontaminate } from './decontaminate.ts'
import { type Example, Examples, type Kind } from './examples.ts'
import { type GoldPassages, readGoldPassages } from './gold-passages.ts'
import { holdOut } from './hold-out.ts'
import { KnownPositives } from './known-positives.ts'
import { findNegatives } from './negatives/mine.ts'
import type { MixOptions } from './options.ts'
import { Passages } from './passages.ts'
import { shufflePassages } from './shuffle.ts'
import { devSource, SourceReader } from './sources.ts'
import { summaryOf } from './summary.ts'
import { openTeacher } from './teacher.ts'
import { type WrittenOutput, writeOutput } from './write-output.ts'

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
  const teacher = options.teacher && (await openTeacher(context.inputs['teacher/model'], context))
  let train: WrittenOutput
  try {
    const negativesOf = (row: number): number[] => mining.negatives(row)
    train = await writeOutput(context, 'training', rows, { ...pool, most: columns, negativesOf, batch, teacher })
  } finally {
    await teacher?.close()
  }
  const dev = await writeOutput(context, 'dev', devRows, { ...pool, most: 0, negativesOf: () => [] })

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
    teacher: teacher && { facts: teacher.facts, margins: train.margins, warnings: teacher.warnings },
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
