import { setImmediate } from 'node:timers/promises'
import { StageError } from '../define.ts'
import type { Matrix } from '../retrieval/safetensors.ts'
import { makeBatches } from './batches.ts'
import { candidatesOf } from './candidates.ts'
import type { CurvePoint } from './curve.ts'
import type { DevMetric } from './dev-metric.ts'
import { type Objective, objectiveLoss } from './objective.ts'
import { rateAt, type Schedule } from './schedule.ts'
import { TrainedTable } from './trained-table.ts'
import type { TrainingSet } from './training-set.ts'

/** What decides a training run beside its data and its first table. */
export interface TrainPlan extends Schedule, Objective {
  /** Share of the steps over which the learning rate rises. */
  warmup: number
  seed: number
  /** Which table is kept: that of the last step, or of the point of the curve with the best dev metric. */
  select: 'last' | 'dev'
}

/** What a training run leaves beside the table. */
export interface TrainResult {
  curve: CurvePoint[]
  /** Anchor and candidate pairs, own positives not counted, and how many of them were masked. */
  compared: number
  masked: number
  /** The step whose table was kept. */
  selected: number
}

/** Ways out of a training run while it is under way. */
export interface TrainHooks {
  signal: AbortSignal
  progress(step: number, steps: number, note: string): void
}

const REPORTS = 100

/**
 * Trains the table in place. Equal data, plan and first table give equal bytes on every machine: one thread, sums in a
 * fixed order by kernels that are the same everywhere, no clock, own random numbers. Gives the event loop a turn each step; an aborted signal throws.
 */
export async function trainTable(
  table: Matrix,
  data: TrainingSet,
  dev: DevMetric | undefined,
  plan: TrainPlan,
  hooks: TrainHooks,
): Promise<TrainResult> {
  const { steps } = plan
  const curve: CurvePoint[] = []
  let compared = 0
  let masked = 0
  let best = dev && plan.select === 'dev' ? { step: 0, metric: dev(table), data: table.data.slice() } : undefined
  if (dev) curve.push({ step: 0, 'dev_mrr@10': best?.metric ?? dev(table) })

  const trained = new TrainedTable(table, data.bags)
  const batches = makeBatches(data, plan.batch, plan.seed)
  let lossSum = 0
  let lossSteps = 0
  for (let step = 0; step < steps; step++) {
    await setImmediate()
    hooks.signal.throwIfAborted()
    const batch = candidatesOf(data, batches.next().value)
    compared += batch.masked.length - batch.anchors.length
    masked += batch.maskedCount
    const anchors = trained.encode(batch.anchors)
    const candidates = trained.encode(batch.texts)
    const { loss, byAnchor, byCandidate } = objectiveLoss(anchors, candidates, batch.masked, plan)
    const learningRate = plan.learningRate * rateAt(step, steps, plan.warmup)
    // Vectors beyond all numbers have no direction, and a loss that looks like one.
    const numbers = [loss, ...anchors.lengths, ...candidates.lengths]
    if (!numbers.every(Number.isFinite)) throw noNumber(step + 1, steps, learningRate)
    trained.addGradient(batch.anchors, anchors, byAnchor)
    trained.addGradient(batch.texts, candidates, byCandidate)
    trained.step(learningRate)

    lossSum += loss
    lossSteps++
    const done = step + 1
    if (done % plan.curveEvery === 0 || done === steps) {
      const point: CurvePoint = { step: done, loss: lossSum / lossSteps, learning_rate: learningRate }
      if (dev) {
        trained.store()
        const metric = dev(table)
        point['dev_mrr@10'] = metric
        if (best && metric > best.metric) best = { step: done, metric, data: table.data.slice() }
      }
      curve.push(point)
      lossSum = 0
      lossSteps = 0
    }
    if (done % Math.max(1, Math.floor(steps / REPORTS)) === 0) hooks.progress(done, steps, `loss ${loss.toFixed(3)}`)
  }
  if (best) table.data.set(best.data)
  else trained.store()
  return { curve, compared, masked, selected: best?.step ?? steps }
}

function noNumber(step: number, steps: number, learningRate: number): StageError {
  return new StageError(
    `the loss is no number any more at step ${step} of ${steps} (learning rate ${learningRate.toExponential(2)})`,
    { advice: 'Try a lower learning rate or a smaller `scale`; look whether the base has such numbers itself.' },
  )
}
