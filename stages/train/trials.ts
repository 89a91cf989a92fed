import type { Matrix } from '../retrieval/safetensors.ts'
import type { DevMetric } from './dev-metric.ts'
import { type TrainHooks, type TrainPlan, type TrainResult, trainTable } from './trainer.ts'
import type { TrainingSet } from './training-set.ts'

/** The learning rates that `tune: dev` tries, as multiples of the one it is given: equally many for every variant. */
export const TRIED_RATES: readonly number[] = [1 / 3, 1, 3]

/** The best of several trainings from one first table, and how each of them did on the dev set. */
export interface TrialsResult {
  result: TrainResult
  learningRate: number
  trials: { learning_rate: number; 'dev_mrr@10': number }[]
}

/**
 * Trains the table in place once for each rate, from the same start, and leaves what is best by the dev metric; of equals,
 * the first. One rate needs no metric.
 */
export async function trainTrials(
  table: Matrix,
  data: TrainingSet,
  dev: DevMetric | undefined,
  plan: TrainPlan,
  { rates, hooks }: { rates: readonly number[]; hooks: TrainHooks },
): Promise<TrialsResult> {
  const first = rates.length > 1 ? table.data.slice() : undefined
  const trials: TrialsResult['trials'] = []
  let best: { result: TrainResult; learningRate: number; metric: number; data: Float32Array | undefined } | undefined
  for (const [i, rate] of rates.entries()) {
    if (i > 0 && first) table.data.set(first)
    const learningRate = plan.learningRate * rate
    const progress: TrainHooks['progress'] = (step, steps, note) =>
      hooks.progress(i * steps + step, rates.length * steps, rates.length > 1 ? `trial ${i + 1}, ${note}` : note)
    const result = await trainTable(table, data, dev, { ...plan, learningRate }, { ...hooks, progress })
    const metric = dev ? dev(table) : 0
    trials.push({ learning_rate: learningRate, 'dev_mrr@10': metric })
    if (!best || metric > best.metric)
      best = { result, learningRate, metric, data: first ? table.data.slice() : undefined }
  }
  if (!best) throw new Error('no learning rate to try')
  if (best.data) table.data.set(best.data)
  return { result: best.result, learningRate: best.learningRate, trials }
}
