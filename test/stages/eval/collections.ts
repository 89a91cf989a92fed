import { existsSync } from 'node:fs'
import path from 'node:path'
import type { StageInput } from '../../../stages/define.ts'
import { sourceFile } from '../../rig/stage.ts'

/** Folder of the real collections that some tests need. */
export const DATA: string = path.resolve(process.env.QUERYLOOM_DATA ?? '../shared/data')

/** Whether a collection is there; says in the test's output which one is not. */
export function present(name: string): boolean {
  const there = existsSync(path.join(DATA, name, 'corpus.jsonl'))
  if (!there) console.warn(`skipped: no collection ${name} in ${DATA} (set QUERYLOOM_DATA)`)
  return there
}

/** The inputs of `eval` for a split of a collection, as the engine would bind them. */
export function evalInputs(name: string, leakage?: string): { [input: string]: StageInput } {
  const file = (...parts: string[]): ReturnType<typeof sourceFile> => sourceFile(path.join(DATA, name, ...parts))
  const split = (of: string): StageInput => ({
    type: 'dataset',
    name,
    split: of,
    queries: file('queries.jsonl'),
    qrels: file('qrels', `${of}.tsv`),
  })
  return {
    dataset: { type: 'dataset', name, corpus: file('corpus.jsonl') },
    judgements: split('test'),
    ...(leakage === undefined ? {} : { leakage: split(leakage) }),
  }
}
