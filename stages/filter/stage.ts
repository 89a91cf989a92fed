import type { Implied, Lineage, StageDefinition } from '../define.ts'
import { judgePromptProblem } from '../judge/options.ts'
import { checkFilter } from './check.ts'
import type { FilterOptions } from './options.ts'
import { filterSchema } from './schema.ts'

/** Drops pairs that would not help training; steps run in order, and a dropped row keeps its first reason. */
export const filter: StageDefinition<FilterOptions> = {
  type: 'filter',
  version: 1,
  description: 'Drops pairs that would not help training, step by step, and keeps what was dropped with its reason.',
  thread: 'worker',
  outputs: { pairs: 'pairs', rejected: 'pairs' },
  options: filterSchema,
  check: checkFilter,
  corpusFrom: () => ['pairs'],
  implied: (options, lineage) => [...impliedCorpus(options, lineage), ...promptProblems(options, lineage)],
  async estimate(context) {
    if (!asksModels(context.options)) return { exact: true, keys: [], tokens: 0 }
    const { estimateJudges } = await import('./estimate.ts')
    return estimateJudges(context)
  },
  async rows(context) {
    if (!asksModels(context.options)) return []
    const { rowsOfJudges } = await import('./estimate.ts')
    return rowsOfJudges(context)
  },
  async encodes({ options, inputs }) {
    const [{ corpusOf, inputNamesAt }, { encodedDataset }] = await Promise.all([
      import('../data/inputs.ts'),
      import('../encoders/encoded-dataset.ts'),
    ])
    const names = options.steps.flatMap((step, i) => {
      const at = 'round_trip' in step ? 'round_trip' : 'relabel' in step ? 'relabel' : undefined
      return at === undefined ? [] : inputNamesAt(inputs, `steps/${i}/${at}/model`)
    })
    return names.map((name) => encodedDataset(name, corpusOf(inputs.corpus)))
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

function asksModels({ steps }: FilterOptions): boolean {
  return steps.some((step) => 'judge' in step || 'relabel' in step)
}

/** Steps that search need the whole corpus that the pairs' ids resolve in. */
function impliedCorpus({ steps, corpus }: FilterOptions, lineage: Lineage): Implied[] {
  const i = steps.findIndex((step) => 'round_trip' in step || 'relabel' in step)
  const step = steps[i]
  if (corpus !== undefined || step === undefined) return []
  const [dataset, ...others] = lineage.corpora('pairs')
  if (dataset !== undefined && others.length === 0) return [{ input: 'corpus', dataset, parts: ['corpus'] }]
  const what = 'round_trip' in step ? 'a round trip' : 'relabelling'
  return [
    {
      error:
        dataset === undefined
          ? `${what} needs a corpus, and the pairs do not say which dataset they descend from`
          : `${what} needs one corpus, and the pairs descend from several: ${[dataset, ...others].join(', ')}`,
      at: `steps/${i}/${Object.keys(step)[0]}`,
      advice: 'Name it: `corpus: ${datasets.NAME}`.',
    },
  ]
}

function promptProblems({ steps }: FilterOptions, lineage: Lineage): Implied[] {
  return steps.flatMap((step, i) => {
    const at = 'judge' in step ? 'judge' : 'relabel' in step ? 'relabel/judge' : undefined
    return (at && judgePromptProblem(lineage, `steps/${i}/${at}/prompt`)) || []
  })
}
