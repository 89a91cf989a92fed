import type { Pair, Passage, TrainingRow } from '../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'

export type Inputs = { [name: string]: StageInput }

export function passage(_id: string, text: string): Passage {
  return { _id, doc_id: _id, title: '', text }
}

export function pair(_id: string, passage_id: string, query: string): Pair {
  return { _id, passage_id, query, sample: 0 }
}

/** Synthetic pairs at `pairs/I/from`, and what they are mined from. */
export function synthetic(i: number, rows: readonly Pair[], corpus: readonly Passage[]): Inputs {
  return {
    [`pairs/${i}/from`]: artifactInput('pairs', { 'pairs.jsonl': rows, 'passages.jsonl': corpus }),
    [`pairs/${i}/corpus`]: datasetInput({ corpus }),
  }
}

/** A split with its corpus at these inputs; `judged`: query id, text, passage id, relevance. */
export function labelled(
  from: string,
  corpusAt: string,
  judged: readonly (readonly [string, string, string, number])[],
  corpus: readonly Passage[],
  split = 'train',
): Inputs {
  const queries = new Map(judged.map(([id, text]) => [id, text]))
  return {
    [from]: datasetInput({
      split,
      queries: [...queries].map(([_id, text]) => ({ _id, text })),
      qrels: judged.map(([query, , id, relevance]) => `${query}\t${id}\t${relevance}\n`).join(''),
    }),
    [corpusAt]: datasetInput({ corpus }),
  }
}

/** Runs mix with a plain member of `pairs` for each source, or the given ones. */
export function runMix(options: { [name: string]: Json }, inputs: Inputs): Promise<StageResult> {
  const sources = new Set(Object.keys(inputs).flatMap((name) => /^pairs\/(\d+)\/from/.exec(name)?.[1] ?? []))
  const pairs = [...sources].map((i) => ({ from: { $input: `pairs/${i}/from` } }))
  return runStage(mix, { pairs, ...options }, inputs)
}

export const training = (result: StageResult): TrainingRow[] => result.rows('training', 'training.jsonl')
export const dev = (result: StageResult): TrainingRow[] => result.rows('dev', 'training.jsonl')
export const anchors = (rows: readonly TrainingRow[]): string[] => rows.map((row) => row.anchor)

export function negatives(row: TrainingRow): string[] {
  return Object.entries(row)
    .filter(([name]) => name.startsWith('negative_'))
    .map(([, text]) => text as string)
}
