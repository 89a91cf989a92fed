import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { round6 } from '../data/quantiles.ts'
import type { Json, StageSummary } from '../define.ts'
import type { HelperEvent } from '../python/events-file.ts'
import { DEFAULT_MANIFEST } from '../retrieval/model-manifest.ts'
import type { CurvePoint } from './curve.ts'
import type { TrainOptions } from './options.ts'
import type { Schedule } from './schedule.ts'

/** What the training process said at its end, as it said it. */
interface Finished {
  curve: CurvePoint[]
  selected: number
  compared: number
  masked: number
  halved: number
  parameters: number
  dimensions: number
  pooling: string | string[]
  prefixes: { query: string; passage: string }
  max_length: { query: number; passage: number }
  cosine: number
  int8_cosine?: number
}

/** A trained transformer: its manifest, what people are told, and what goes into the record. */
export interface TrainedModel {
  writeManifest(folder: string): Promise<void>
  summary(facts: { rows: number; schedule: Schedule; options: TrainOptions }): StageSummary
  observed(started: HelperEvent): { [name: string]: Json }
}

/** Reads the last event of a training process. */
export function trainedModel(event: HelperEvent): TrainedModel {
  const finished = event as unknown as Finished
  const { dimensions, pooling, prefixes, max_length } = finished
  return {
    async writeManifest(folder) {
      const manifest = {
        ...DEFAULT_MANIFEST,
        // Several joined poolings are told by the pooling module alone.
        ...(typeof pooling === 'string' ? { pooling } : {}),
        prefixes,
        architecture: 'transformer',
        dimensions,
        max_length,
      }
      await writeFile(join(folder, 'queryloom.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    },
    summary({ rows, schedule, options }) {
      const { steps, batch, learningRate } = schedule
      const last = finished.curve.at(-1)
      const best = finished.curve.find(({ step }) => step === finished.selected)?.['dev_mrr@10']
      const details: { [name: string]: Json } = {
        batch,
        learning_rate: learningRate,
        epochs: rows === 0 ? 0 : round6((steps * batch) / rows),
        masked_share: finished.compared === 0 ? 0 : round6(finished.masked / finished.compared),
        onnx_cosine: round6(finished.cosine),
      }
      if (finished.int8_cosine !== undefined) details.int8_cosine = round6(finished.int8_cosine)
      if (last?.loss !== undefined) details.loss = round6(last.loss)
      if (best !== undefined) details['dev_mrr@10'] = round6(best)
      if (options.select === 'dev') details.selected_step = finished.selected
      const { parameters } = finished
      return { counts: { rows, steps, samples_seen: steps * batch, parameters, dimensions }, details }
    },
    observed({ event: _event, ...started }) {
      const { seconds, rows_per_second, peak_memory, resumed_from, micro_batch, halved } = event
      return { ...started, seconds, rows_per_second, peak_memory, resumed_from, micro_batch, halved } as {
        [name: string]: Json
      }
    },
  }
}
