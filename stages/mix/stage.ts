import type { Implied, Lineage, StageDefinition } from '../define.ts'
import { judgePromptProblem } from '../judge/options.ts'
import { checkMix } from './check.ts'
import type { MixOptions, NegativeJudgeOptions } from './options.ts'
import { mixSchema } from './schema.ts'

/** Makes training data of synthetic and labelled pairs: combined, decontaminated, with negatives and a hold-out. */
export const mix: StageDefinition<MixOptions> = {
  type: 'mix',
  version: 1,
  description: 'Combines synthetic and labelled pairs into training data, with negatives and a hold-out.',
  thread: 'worker',
  outputs: (options) => ({
    training: 'training',
    dev: 'training',
    ...(options.export === undefined ? {} : { exports: 'folder' }),
  }),
  options: mixSchema,
  check: checkMix,
  corpusFrom: ({ pairs }) => pairs.map((_, i) => `pairs/${i}/from`),
  implied(options, lineage) {
    const { pairs, negatives, dev, decontaminate } = options
    const mining = negatives !== 'none' && 'mine' in negatives
    return [
      ...pairs.flatMap(({ corpus }, i) => (corpus === undefined ? impliedCorpus(`pairs/${i}`, mining, lineage) : [])),
      ...(typeof dev === 'object' && 'from' in dev ? impliedDev(dev.corpus === undefined, lineage) : []),
      ...(decontaminate?.gold === undefined ? [] : decontaminate.against.flatMap((_, i) => impliedGold(i, lineage))),
      ...impliedPrompt(options, lineage),
    ]
  },
  async estimate(context) {
    const judge = judgeOf(context.options)
    if (!judge) return { exact: true, keys: [], tokens: 0 }
    const { requestsOfJudge } = await import('./estimate.ts')
    return requestsOfJudge(context)
  },
  // What is mined, and so asked about, can't be told before.
  rows: async ({ options }) => (judgeOf(options) ? undefined : []),
  async encodes({ options: { pairs, dev, negatives }, inputs }) {
    if (typeof negatives !== 'object' || !('mine' in negatives) || negatives.mine !== 'dense') return []
    const [{ corpusOf }, { encodedDataset }] = await Promise.all([
      import('../data/inputs.ts'),
      import('../encoders/encoded-dataset.ts'),
    ])
    const names = [...pairs.map((_, i) => `pairs/${i}/corpus`), ...(typeof dev === 'object' ? ['dev/corpus'] : [])]
    const corpora = names.flatMap((name) => (inputs[name] ? [corpusOf(inputs[name])] : []))
    const distinct = new Map(corpora.map((corpus) => [corpus.digest, corpus]))
    return [...distinct.values()].map((corpus) => encodedDataset('negatives/model', corpus))
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

function impliedPrompt(options: MixOptions, lineage: Lineage): Implied[] {
  const problem = judgeOf(options) && judgePromptProblem(lineage, 'negatives/judge/prompt')
  return problem ? [problem] : []
}

function judgeOf({ negatives }: MixOptions): NegativeJudgeOptions | undefined {
  return typeof negatives === 'object' && 'mine' in negatives ? negatives.judge : undefined
}

/** A split's ids resolve in its own corpus; synthetic pairs carry their passages, and need a corpus for mining only. */
function impliedCorpus(source: string, mining: boolean, lineage: Lineage): Implied[] {
  const from = `${source}/from`
  const input = `${source}/corpus`
  const split = lineage.dataset(from)
  if (split) return [{ input, dataset: split.name, parts: ['corpus'] }]
  if (!mining) return []
  const [dataset, ...others] = lineage.corpora(from)
  if (dataset !== undefined && others.length === 0) return [{ input, dataset, parts: ['corpus'] }]
  return [
    {
      error:
        dataset === undefined
          ? 'mining needs a corpus, and the pairs do not say which dataset they descend from'
          : `mining needs one corpus, and the pairs descend from several: ${[dataset, ...others].join(', ')}`,
      at: from,
      advice: 'Name it beside `from`: `corpus: ${datasets.NAME}`.',
    },
  ]
}

// Choosing a model by what it is tested on makes the test worthless.
function impliedDev(corpus: boolean, lineage: Lineage): Implied[] {
  const split = lineage.dataset('dev/from')
  if (split?.split === 'test')
    return [
      {
        error: 'dev is the test split: what is chosen by it can not be tested on it any more',
        at: 'dev/from',
        advice: 'Name another split, or hold out of training: `dev: {fraction: 0.1, of: labelled}`.',
      },
    ]
  return corpus && split ? [{ input: 'dev/corpus', dataset: split.name, parts: ['corpus'] }] : []
}

function impliedGold(i: number, lineage: Lineage): Implied[] {
  const split = lineage.dataset(`decontaminate/against/${i}`)
  return split ? [{ input: `decontaminate/corpora/${i}`, dataset: split.name, parts: ['corpus'] }] : []
}
