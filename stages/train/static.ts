import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { loadXxh } from '../../cache/xxh.ts'
import { corpusOf } from '../data/inputs.ts'
import { round6 } from '../data/quantiles.ts'
import { artifact, FILES, fileOf } from '../data/rows.ts'
import { type Json, type StageContext, StageError, type StageInput, type StageSummary } from '../define.ts'
import { parseBase } from './base.ts'
import { learnTokenizer } from './corpus-tokenizer.ts'
import { writeCurve } from './curve.ts'
import { type DevMetric, devMetric } from './dev-metric.ts'
import { randomTable } from './embedding-table.ts'
import { readModel, type TrainableModel, writeModel } from './model-folder.ts'
import type { TrainOptions } from './options.ts'
import { scheduleFor } from './schedule.ts'
import { readTokenizer, type TrainedWith } from './tokenizer.ts'
import { readTrainingSet, type TrainingSet } from './training-set.ts'
import { TRIED_RATES, trainTrials } from './trials.ts'
import { hasOnePassage, noRows, onePassage } from './untrainable.ts'

/**
 * Trains the static model that the options describe; writes its folder and `curve.jsonl`. `folder` is where the base was
 * laid, if it is none of the inputs.
 */
export async function trainStatic(context: StageContext<TrainOptions>, folder: string | null): Promise<StageSummary> {
  const { options, inputs, outputs, signal } = context
  await loadXxh()
  const model = await startingModel(context, folder)
  const data = inputs.data && (await readRows(context, 'data', model))
  const dev = inputs.dev && (await readRows(context, 'dev', model))
  if ((options.select === 'dev' || options.tune === 'dev') && !dev?.size)
    throw new StageError('`select: dev` and `tune: dev` need a dev set, and this one is empty', {
      advice: 'Ask `mix` for a hold-out, or use `select: last`.',
    })
  const rows = data?.size ?? 0
  const schedule = scheduleFor(rows, options)
  if (data && rows === 0) throw noRows()
  if (data && schedule.steps > 0 && hasOnePassage(data)) throw onePassage(rows)
  const metric: DevMetric | undefined = dev?.size ? devMetric(dev) : undefined
  refuseDimensions(options.matryoshka, model.table.columns)
  const { warmup, scale, symmetric, matryoshka, seed, select } = options
  const plan = { ...schedule, warmup, scale, symmetric, matryoshka, seed, select }
  const { result, learningRate, trials } = await trainTrials(model.table, data ?? NO_ROWS, metric, plan, {
    rates: options.tune === 'dev' ? TRIED_RATES : [1],
    hooks: { signal, progress: (step, steps, note) => context.progress(step, steps, note) },
  })
  await writeModel(outputs.model as string, model)
  await writeCurve(outputs.curve as string, result.curve)

  const { steps, batch } = schedule
  const unusable = data?.unusable ?? 0
  const last = result.curve.at(-1)
  const best = result.curve.find(({ step }) => step === result.selected)?.['dev_mrr@10']
  const details: { [name: string]: Json } = {
    batch,
    learning_rate: learningRate,
    epochs: rows === 0 ? 0 : round6((steps * batch) / rows),
    masked_share: result.compared === 0 ? 0 : round6(result.masked / result.compared),
  }
  if (last?.loss !== undefined) details.loss = round6(last.loss)
  if (best !== undefined) details['dev_mrr@10'] = round6(best)
  if (select === 'dev') details.selected_step = result.selected
  if (options.tune === 'dev') details.trials = trials
  const warnings: string[] = []
  if (unusable > 0) warnings.push(`${unusable} rows were left out: their query or their passage has no token`)
  return {
    counts: {
      rows,
      steps,
      samples_seen: steps * batch,
      vocabulary: model.table.rows,
      dimensions: model.table.columns,
      unusable,
    },
    ...(warnings.length > 0 ? { warnings } : {}),
    details,
  }
}

function refuseDimensions(matryoshka: readonly number[] | undefined, dimensions: number): void {
  const beyond = matryoshka?.find((wanted) => wanted > dimensions)
  if (beyond === undefined) return
  throw new StageError(`the model has ${dimensions} dimensions, and ${beyond} are asked for`, {
    where: 'matryoshka',
    advice: 'Name no more than there are.',
  })
}

const NO_ROWS: TrainingSet = {
  size: 0,
  unusable: 0,
  anchors: new Uint32Array(0),
  positives: new Uint32Array(0),
  negatives: [],
  bags: { starts: new Uint32Array(1), tokens: new Uint32Array(0), counts: new Uint32Array(0) },
  queries: new Uint32Array(0),
  passages: new Uint32Array(0),
  known: [],
}

async function startingModel(context: StageContext<TrainOptions>, folder: string | null): Promise<TrainableModel> {
  const { base: written, seed, prefixes } = context.options
  const base = parseBase(written)
  if ('message' in base) throw new Error(base.message)
  if (base.kind !== 'static-random') {
    const files = folder === null ? filesOf(context.inputs.base) : await filesIn(folder)
    const model = await readModel(files)
    return { ...model, prefixes: { ...model.prefixes, ...prefixes } }
  }
  const tokenizer = await startingTokenizer(context)
  const table = randomTable(tokenizer.encoder.vocabularySize, base.dimensions, seed)
  return { table, tokenizer, prefixes: { query: '', passage: '', ...prefixes } }
}

function filesOf(input: StageInput | undefined): readonly { path: string; location: string }[] {
  return input?.type === 'encoder' ? input.files : artifact(input).files
}

async function filesIn(folder: string): Promise<{ path: string; location: string }[]> {
  return (await readdir(folder)).map((name) => ({ path: name, location: path.join(folder, name) }))
}

/** The tokenizer of a model that has none yet: a file, or learned from corpora. */
export async function startingTokenizer({
  options,
  inputs,
  signal,
  progress,
}: Pick<StageContext<TrainOptions>, 'options' | 'inputs' | 'signal' | 'progress'>): Promise<TrainedWith> {
  const { tokenizer = 'corpus', vocabulary_size } = options
  if (tokenizer !== 'corpus' && '$input' in tokenizer) {
    const input = inputs.tokenizer
    const file = input?.type === 'path' && !input.folder ? input.files[0] : undefined
    if (!file) throw new StageError('the tokenizer must be a tokenizer.json file', { where: 'tokenizer' })
    return readTokenizer(file.location)
  }
  const size = tokenizer === 'corpus' ? vocabulary_size : (tokenizer.size ?? vocabulary_size)
  const names =
    tokenizer === 'corpus'
      ? Object.keys(inputs).filter((name) => name === 'corpus' || name.startsWith('corpus/'))
      : ['tokenizer/corpus']
  const corpora = names.sort().map((name) => corpusOf(inputs[name]))
  return learnTokenizer(corpora, size, {
    signal,
    progress: (passages) => progress(passages, undefined, 'learning the tokenizer'),
  })
}

function readRows(
  { inputs }: StageContext<TrainOptions>,
  name: 'data' | 'dev',
  { tokenizer, prefixes }: TrainableModel,
): Promise<TrainingSet> {
  const { location } = fileOf(inputs[name], FILES.training)
  return readTrainingSet(location, tokenizer.encoder, prefixes, FILES.training)
}
