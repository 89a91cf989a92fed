import type { InputMarker, OptionsSchema } from '../define.ts'
import { type AskedJudge, askedJudgeProperties } from './options.ts'

/** Options of `judge` after defaults. */
export interface JudgeStageOptions {
  dataset: InputMarker
  runs: { readonly [label: string]: InputMarker }
  depth: number
  sample?: { count: number; seed: number }
  llm?: AskedJudge
  hand?: InputMarker
  relevant_from: number
  circular?: boolean
}

/** The schema of `with` of a `judge` stage. */
export const judgeSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['dataset', 'runs'],
  properties: {
    dataset: {
      description: 'The collection that was searched, with its queries. It needs no judgements.',
      slot: { accepts: ['dataset'], parts: ['corpus', 'queries'] },
    },
    runs: {
      type: 'object',
      minProperties: 1,
      description:
        'Rankings by label: of one node, of all variants of a stage (`${stages.x.run[*]}`), or a file in the six columns of TREC. The more unlike the systems, the fairer the pool.',
      additionalProperties: { slot: { accepts: ['run', 'path'], lists: 'labelled' } },
    },
    depth: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'So many of the first passages of each run are judged. A larger one adds pairs and changes none.',
    },
    sample: {
      type: 'object',
      additionalProperties: false,
      required: ['count'],
      description: 'Judges so many of the queries, drawn by hash: a larger sample holds the smaller. Default: all.',
      properties: {
        count: { type: 'integer', minimum: 1, description: 'How many queries.' },
        seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the draw.' },
      },
    },
    llm: {
      type: 'object',
      additionalProperties: false,
      required: ['model', 'prompt'],
      description: 'A language model that gives every pair of the pool a grade.',
      properties: askedJudgeProperties,
    },
    hand: {
      description:
        'Grades of people, which win over those of the model: what `queryloom audit … --export` wrote, or judgements in the form of BEIR or TREC.',
      slot: { accepts: ['path'] },
    },
    relevant_from: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 2,
      description:
        'The lowest grade that counts as relevant: lower ones are written as 0. Of grades from 0 to 3, 1 says no more than that the passage is on the topic.',
    },
    circular: {
      type: 'boolean',
      description:
        'Marks the judgements as those of a model that also wrote or chose what the systems learned from. Filled in where the pipeline has it so.',
    },
  },
}
