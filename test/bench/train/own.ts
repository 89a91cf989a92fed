import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { loadStaticModel, type StaticModel } from '../../../stages/retrieval/static-model.ts'
import { randomTable } from '../../../stages/train/embedding-table.ts'
import { writeModel } from '../../../stages/train/model-folder.ts'
import type { Schedule } from '../../../stages/train/schedule.ts'
import type { TrainedWith } from '../../../stages/train/tokenizer.ts'
import { trainTable } from '../../../stages/train/trainer.ts'
import { readTrainingSet } from '../../../stages/train/training-set.ts'

const PREFIXES = { query: '', passage: '' }
const FILES = ['modules.json', 'queryloom.json', 'tokenizer.json', 'model.safetensors']

/** Trains a random table as `train` does; seconds are from rows in a file to the trained table. Writes its folder to `out`. */
export async function trainOwn(
  out: string,
  rows: string,
  tokenizer: TrainedWith,
  schedule: Schedule,
  { dimensions, seed }: { dimensions: number; seed: number },
): Promise<number> {
  mkdirSync(out, { recursive: true })
  const table = randomTable(tokenizer.encoder.vocabularySize, dimensions, seed)
  const hooks = { signal: new AbortController().signal, progress: () => {} }
  const began = performance.now()
  const data = await readTrainingSet(rows, tokenizer.encoder, PREFIXES)
  await trainTable(table, data, undefined, { ...schedule, warmup: 0.1, scale: 20, seed, select: 'last' }, hooks)
  const seconds = (performance.now() - began) / 1000
  await writeModel(out, { table, tokenizer, prefixes: PREFIXES })
  return seconds
}

/** A static model from its folder. */
export function loadOwn(folder: string): Promise<StaticModel> {
  return loadStaticModel(FILES.map((name) => ({ path: name, location: path.join(folder, name) })))
}
