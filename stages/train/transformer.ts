import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FILES, fileOf } from '../data/rows.ts'
import { type Json, type ServiceContext, StageError, type StageSummary } from '../define.ts'
import { pythonEnvironment, pythonFile, pythonTools } from '../python/environment.ts'
import { type HelperEvent, runHelper } from '../python/events-file.ts'
import type { Base } from './base.ts'
import { basePrefixes } from './base-prefixes.ts'
import { type CurvePoint, writeCurve } from './curve.ts'
import { EnergyMeter } from './energy.ts'
import { givenModelFolder, tellVia } from './given-model.ts'
import { type LaidOutRows, layOutBatches, layOutRows } from './lay-out-rows.ts'
import { lossOf } from './loss.ts'
import type { TrainOptions } from './options.ts'
import { scheduleFor } from './schedule.ts'
import { startingTokenizer } from './static.ts'
import { launch, type TrainPlan, trainPlan } from './transformer-plan.ts'
import { trainedModel } from './transformer-result.ts'
import { noRows, onePassage } from './untrainable.ts'

type Context = ServiceContext<TrainOptions>

/**
 * Trains a transformer in a Python process, which goes on from its last checkpoint if an earlier attempt was killed;
 * writes the model's folder with an ONNX graph that agrees with it, and `curve.jsonl`.
 */
export async function trainTransformer(
  context: Context,
  base: Exclude<Base, { kind: `static-${string}` }>,
): Promise<StageSummary> {
  const { options, outputs, scratch, processes, tools, log, signal } = context
  const data = options.data && (await layOut(context, 'data'))
  const schedule = scheduleOf(options, base, data)
  const { steps, batch } = schedule
  const batches = join(scratch, 'batches.bin')
  if (data && steps > 0) await layOutBatches(data, { batch, steps, seed: options.seed }, batches)
  const dev = options.dev && (await layOut(context, 'dev'))
  if (options.select === 'dev' && !dev?.rows)
    throw new StageError('`select: dev` needs a dev set, and this one is empty', {
      advice: 'Ask `mix` for a hold-out, or use `select: last`.',
    })

  const services = { processes, tools, log, signal, tell: tellVia(context) }
  const python = await pythonEnvironment('train.lock', await pythonTools(services), services)
  const events = join(scratch, 'events.jsonl')
  const guide = lossOf(options.loss).guide
  const prefixes = basePrefixes(base, options.prefixes)
  if (prefixes instanceof StageError) throw prefixes
  const plan: TrainPlan = {
    ...trainPlan(options, schedule, prefixes),
    ...(await startOf(context, base)),
    ...(guide === undefined ? {} : { guide: await givenModelFolder({ kind: 'input', name: guide }, context) }),
    data: rowsFile(context, 'data'),
    batches,
    ...(dev?.rows ? { dev: rowsFile(context, 'dev') } : {}),
    out: outputs.model as string,
    resume: context.resume,
    events,
  }
  const planFile = join(scratch, 'plan.json')
  await writeFile(planFile, JSON.stringify(plan))
  if (!data) await writeFile(plan.data, '')

  const energy = new EnergyMeter(processes, context)
  let started: HelperEvent | undefined
  let finished: HelperEvent | undefined
  const onEvent = (event: HelperEvent): void => {
    if (event.event === 'started') {
      started = event
      energy.start((event.cards ?? []) as string[])
    } else if (event.event === 'finished') finished = event
    else tellOf(event, steps, context.progress)
  }
  try {
    await runHelper(
      processes,
      { ...launch(python, pythonFile('train_model.py'), planFile, options), log, signal },
      events,
      onEvent,
    )
  } finally {
    energy.stop()
  }
  if (!finished || !started) throw new StageError('the training ended without a result', { where: log })
  const result = trainedModel(finished)
  await result.writeManifest(outputs.model as string)
  await writeCurve(outputs.curve as string, finished.curve as unknown as CurvePoint[], (value) =>
    Number(value.toPrecision(6)),
  )
  context.observe({ training: { ...result.observed(started), ...energy.facts() } as Json })
  return result.summary({ rows: data?.rows ?? 0, schedule, options })
}

function scheduleOf(options: TrainOptions, base: Base, data: LaidOutRows | undefined): ReturnType<typeof scheduleFor> {
  if (data && data.rows === 0) throw noRows()
  const schedule = scheduleFor(data?.rows ?? 0, options, base.kind === 'random' ? 5e-4 : 2e-5)
  const ranks = lossOf(options.loss).name !== 'MarginMSELoss'
  if (data && schedule.steps > 0 && ranks && data.passages < 2) throw onePassage(data.rows)
  return schedule
}

/** What the process starts from: a folder, or a shape and a tokenizer. */
async function startOf(
  context: Context,
  base: Exclude<Base, { kind: `static-${string}` }>,
): Promise<Pick<TrainPlan, 'model' | 'random' | 'tokenizer'>> {
  if (base.kind === 'random') {
    const file = join(context.scratch, 'tokenizer.json')
    await writeFile(file, (await startingTokenizer(context)).json)
    return { random: base.shape, tokenizer: file }
  }
  return { model: await givenModelFolder(base, context) }
}

function layOut(context: Context, name: 'data' | 'dev'): Promise<LaidOutRows> {
  const { location } = fileOf(context.inputs[name], FILES.training)
  return layOutRows(location, rowsFile(context, name), FILES.training)
}

function rowsFile({ scratch }: Context, name: 'data' | 'dev'): string {
  return join(scratch, `${name}-rows.jsonl`)
}

function tellOf(event: HelperEvent, steps: number, progress: Context['progress']): void {
  const { step, loss, rows_per_second: speed } = event as { step?: number; loss?: number; rows_per_second?: number }
  if (event.event === 'step' && loss !== undefined && speed !== undefined)
    progress(step ?? 0, steps, `loss ${loss.toFixed(3)}, ${speed.toFixed(speed < 10 ? 1 : 0)} rows/s`)
  else if (event.event === 'resumed') progress(step ?? 0, steps, `goes on from the checkpoint of step ${step}`)
  else if (event.event === 'halved') progress((step ?? 1) - 1, steps, `out of memory: micro-batch ${event.micro_batch}`)
  else if (event.event === 'progress') progress(steps, steps, String(event.note))
}
