import type { StageDefinition } from '../define.ts'
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
  implied({ steps, corpus }, lineage) {
    const i = steps.findIndex((step) => 'round_trip' in step)
    if (corpus !== undefined || i === -1) return []
    const [dataset, ...others] = lineage.corpora('pairs')
    if (dataset !== undefined && others.length === 0) return [{ input: 'corpus', dataset, parts: ['corpus'] }]
    return [
      {
        error:
          dataset === undefined
            ? 'a round trip needs a corpus, and the pairs do not say which dataset they descend from'
            : `a round trip needs one corpus, and the pairs descend from several: ${[dataset, ...others].join(', ')}`,
        at: `steps/${i}/round_trip`,
        advice: 'Name it: `corpus: ${datasets.NAME}`.',
      },
    ]
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
