import { Random } from '../../../stages/train/random.ts'
import { readTrainingSet, type TrainingSet } from '../../../stages/train/training-set.ts'
import type { TextEncoder } from '../../../stages/train/wordpiece/encoder.ts'
import { writeFiles } from '../../rig/stage.ts'

/** An encoder whose tokens are the letters a to z; all else is no token. */
const letters: TextEncoder = {
  vocabularySize: 26,
  encode: (text) => Array.from(text.toLowerCase(), (c) => c.charCodeAt(0) - 97).filter((id) => id >= 0 && id < 26),
}

/** Training rows as the trainer reads them, letters as tokens. */
export function trainingSet(rows: readonly object[]): Promise<TrainingSet> {
  const folder = writeFiles({ 'training.jsonl': rows })
  return readTrainingSet(`${folder}/training.jsonl`, letters, { query: '', passage: '' }, 'training.jsonl')
}

/** Numbers between -1 and 1. */
export function randomNumbers(count: number, seed: string): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.signed())
}
