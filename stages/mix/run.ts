import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { compareUtf8 } from '../../cache/canonical.ts'
import { hash64, loadXxh } from '../../cache/xxh.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { round6 } from '../data/quantiles.ts'
import { FILES, type TrainingRow } from '../data/rows.ts'
import type { Json, StageContext, StageSummary } from '../define.ts'
import { decontaminate } from './decontaminate.ts'
import { type Example, KnownPositives } from './example.ts'
import { holdOut } from './hold-out.ts'
import { type Miner, makeMiner } from './negatives.ts'
import { shufflePassages } from './shuffle.ts'
import { readSources } from './sources.ts'
import type { MixOptions } from './stage.ts'

const BREATH = 64
const DEFAULT_JACCARD = 0.6

/**
 * Reads the sources, drops what is too close to evaluation queries, holds out dev, mines negatives, and writes rows
 * ordered by hash of seed and ids: well mixed for training, and the same whatever the order of the sources' files.
 */
export async function run(context: StageContext<MixOptions>): Promise<StageSummary> {
  const { options, inputs, outputs, signal } = context
  const { negatives, seed } = options
  await loadXxh()
  const { reports, examples, corpora, corpusOfSource } = await readSources(context, negatives !== 'none')
  const known = new KnownPositives(examples, corpusOfSource)
  const against = options.decontaminate?.against.map((_, i) => inputs[`decontaminate/against/${i}`]) ?? []
  const clean = await decontaminate(
    examples,
    reports.length,
    against,
    options.decontaminate?.jaccard ?? DEFAULT_JACCARD,
  )
  const { training: right, dev, passages, dropped } = holdOut(clean.kept, options.dev, seed)
  const { training, unshuffled } = withShuffled(right, options, known)

  const miners = new Map<string, Miner>()
  if (negatives !== 'none')
    for (const [corpus, all] of corpora) miners.set(corpus, await makeMiner(corpus, all, known, { seed, ...negatives }))
  const written = reports.map(() => 0)
  const trainingRows = inOrder(training, seed, (example) => reports[example.source]?.weight ?? 1)
  const columns = negatives === 'none' ? 0 : (negatives.per_query ?? 1)
  let short = false
  const writer = await writeJsonl(path.join(outputs.training as string, FILES.training))
  try {
    for (const [done, example] of trainingRows.entries()) {
      const found = miners.get(corpusOfSource(example.source) ?? '')?.negatives(example) ?? []
      if (found.length < columns) short = true
      await writer.write(rowOf(example, found))
      written[example.source] = (written[example.source] as number) + 1
      if (done % BREATH === 0) {
        context.progress(done, trainingRows.length)
        await setImmediate()
        signal.throwIfAborted()
      }
    }
  } finally {
    await writer.close()
  }
  await writeManifest(outputs.training as string, trainingRows, columns)
  const devRows = inOrder(dev, seed, () => 1)
  const devWriter = await writeJsonl(path.join(outputs.dev as string, FILES.training))
  try {
    for (const example of devRows) await devWriter.write(rowOf(example, []))
  } finally {
    await devWriter.close()
  }
  await writeManifest(outputs.dev as string, devRows, 0)

  const total = trainingRows.length
  const details: { [name: string]: Json } = {
    sources: reports.map((report, i) => ({
      ...report,
      decontaminated: clean.dropped[i] ?? 0,
      training: written[i] ?? 0,
      share: total === 0 ? 0 : round6((written[i] ?? 0) / total),
    })),
  }
  if (options.decontaminate) details.decontaminated = { evaluation_queries_reached: clean.queries }
  if (options.dev !== 'none') details.dev = { passages, dropped_with_their_query: dropped }
  if (miners.size > 0) details.mining = [...miners.values()].map((miner) => miner.report() as unknown as Json)
  const warnings: string[] = []
  if (unshuffled > 0) warnings.push(`left out for want of passages to shuffle them among: ${unshuffled} pairs`)
  if (total === 0) warnings.push('there is nothing to train on')
  if (short) warnings.push('the corpus is too small for so many negatives: some rows have fewer')
  return {
    counts: {
      pairs: reports.reduce((sum, { read }) => sum + read, 0),
      empty: reports.reduce((sum, { empty }) => sum + empty, 0),
      decontaminated: clean.dropped.reduce((sum, rows) => sum + rows, 0),
      training: total,
      dev: devRows.length,
    },
    ...(warnings.length > 0 ? { warnings } : {}),
    details,
  }
}

/** The examples of the sources that ask for it with wrong passages; these are then no negatives of their queries. */
function withShuffled(
  training: readonly Example[],
  { pairs, seed }: MixOptions,
  known: KnownPositives,
): { training: Example[]; unshuffled: number } {
  let unshuffled = 0
  const all = pairs.flatMap(({ shuffle }, i) => {
    const own = training.filter(({ source }) => source === i)
    if (!shuffle) return own
    const { examples, dropped } = shufflePassages(own, known, seed)
    unshuffled += dropped
    return examples
  })
  for (const { source, normalised, positiveKey } of all)
    if (pairs[source]?.shuffle) known.spare(normalised, positiveKey)
  return { training: all, unshuffled }
}

/** Rows, each as often as its weight says, by XXH64 of seed, ids and repeat; nothing of it depends on their order. */
function inOrder(examples: readonly Example[], seed: number, weight: (example: Example) => number): Example[] {
  const places = examples.flatMap((example) =>
    Array.from({ length: weight(example) }, (_, repeat) => ({
      example,
      place: hash64([seed, repeat, example.kind, example.query_id, example.passage_id, example.anchor].join('\t')),
    })),
  )
  places.sort((a, b) =>
    a.place !== b.place ? (a.place < b.place ? -1 : 1) : compareUtf8(a.example.positive, b.example.positive),
  )
  return places.map(({ example }) => example)
}

function rowOf(example: Example, negatives: readonly string[]): TrainingRow {
  const row: { [name: string]: string } = { anchor: example.anchor, positive: example.positive }
  for (const [i, negative] of negatives.entries()) row[`negative_${i + 1}`] = negative
  row.source = example.kind
  row.query_id = example.query_id
  row.passage_id = example.passage_id
  return row as TrainingRow
}

/** Says what the rows are; only what follows from them, so that equal rows are equal artifacts. */
async function writeManifest(folder: string, rows: readonly Example[], negatives: number): Promise<void> {
  const sources = { labelled: 0, synthetic: 0 }
  for (const { kind } of rows) sources[kind]++
  await writeFile(
    path.join(folder, 'manifest.json'),
    `${JSON.stringify({ schema: 1, rows: rows.length, negatives, sources })}\n`,
  )
}
