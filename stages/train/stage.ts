import type { Exposure, Implied, Json, Lineage, ServiceStageDefinition } from '../define.ts'
import { parseBase, type WrittenBase } from './base.ts'
import { checkOptions } from './check.ts'
import { type TrainOptions, trainSchema } from './options.ts'

/** Trains an encoder: a static model in a thread of this process, a transformer through SentenceTransformers. */
export const train: ServiceStageDefinition<TrainOptions> = {
  type: 'train',
  version: 3,
  description:
    'Trains an encoder with in-batch negatives: a static embedding model (a text is the mean of its token vectors) in this process, on CPU, in seconds; a transformer through SentenceTransformers, on CUDA or CPU.',
  thread: 'main',
  outputs: { model: 'model', curve: 'file' },
  options: trainSchema,
  check: checkOptions,
  implied: impliedCorpora,
  exposes,
  requiresCuda: ({ device }) => (device === 'cuda' ? 'device' : undefined),
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
  async compute(context, work) {
    const { trainStatic } = await import('./static.ts')
    return trainStatic(context, work as Json & string)
  },
}

/** What it downloads and which foreign code it runs; its own helpers are part of queryloom. */
function exposes({ base: written, trust_remote_code }: TrainOptions): Exposure[] {
  const base = parseBase(written)
  if ('message' in base) return []
  const given = base.kind === 'static-distilled' ? base.from : base
  const source = given.kind === 'source' ? given.written : undefined
  return [
    ...(source === undefined ? [] : [{ does: 'downloads', what: source } as const]),
    ...(trust_remote_code ? [{ does: 'runs', what: `Python code of ${source ?? 'the base'}` } as const] : []),
  ]
}

/** The corpora that a tokenizer is learned from: `corpus` if it is one, `corpus/0`, `corpus/1`, … if data was mixed. */
function impliedCorpora({ base, tokenizer = 'corpus', data }: TrainOptions, lineage: Lineage): Implied[] {
  if (!learnsTokenizer(base) || tokenizer !== 'corpus') return []
  const datasets = data === undefined ? [] : lineage.corpora('data')
  if (datasets.length === 0)
    return [
      {
        error:
          data === undefined
            ? 'without `data` it is not known which corpus the tokenizer is to be learned from'
            : 'the tokenizer is learned from a corpus, and the data does not say which dataset it descends from',
        at: tokenizer === 'corpus' && data !== undefined ? 'data' : '',
        advice: 'Name it: `tokenizer: {corpus: "${datasets.NAME}"}`.',
      },
    ]
  return datasets.map((dataset, i) => ({
    input: datasets.length === 1 ? 'corpus' : `corpus/${i}`,
    dataset,
    parts: ['corpus'] as const,
  }))
}

function learnsTokenizer(written: WrittenBase): boolean {
  const base = parseBase(written)
  return 'kind' in base && (base.kind === 'static-random' || base.kind === 'random')
}
