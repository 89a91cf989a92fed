import { countsOf, detailsOf, type Newest } from './newest.ts'

/** What the steps of a filter left of the pairs that it was given. */
export interface Funnel {
  node: string
  stage: string
  variant: { readonly [axis: string]: string }
  pairs: number
  steps: readonly { step: string; kept: number; dropped: number }[]
}

/** How much the queries of a generator differ. */
export interface Diversity {
  node: string
  stage: string
  variant: { readonly [axis: string]: string }
  queries: number
  distinct_1: number | null
  distinct_2: number | null
  self_bleu: number | null
  /** Words of a query in the middle. */
  words: number | null
  content_words: number | null
}

/** The funnels of all filters, in the order of the graph. */
export function funnelsOf(newest: Newest): Funnel[] {
  return [...newest.values()].flatMap((one): Funnel[] => {
    const { steps } = detailsOf(one)
    const { pairs } = countsOf(one)
    if (one.node.definition.type !== 'filter' || !Array.isArray(steps) || pairs === undefined) return []
    const read = steps.flatMap((step: Partial<Funnel['steps'][number]> | null) =>
      typeof step?.step === 'string' && typeof step.kept === 'number' && typeof step.dropped === 'number'
        ? [{ step: step.step, kept: step.kept, dropped: step.dropped }]
        : [],
    )
    const { id, stage, variant } = one.node
    return read.length === 0 ? [] : [{ node: id, stage, variant, pairs, steps: read }]
  })
}

/** How much the queries of each generator differ, in the order of the graph. */
export function diversitiesOf(newest: Newest): Diversity[] {
  return [...newest.values()].flatMap((one): Diversity[] => {
    const { diversity } = detailsOf(one) as { diversity?: { readonly [name: string]: unknown } | null }
    if (typeof diversity?.queries !== 'number') return []
    const number = (name: string): number | null => {
      const value = diversity[name]
      return typeof value === 'number' ? value : null
    }
    const median = (name: string): number | null => {
      const { p50 } = (diversity[name] ?? {}) as { p50?: unknown }
      return typeof p50 === 'number' ? p50 : null
    }
    const { id, stage, variant } = one.node
    return [
      {
        node: id,
        stage,
        variant,
        queries: diversity.queries,
        distinct_1: number('distinct_1'),
        distinct_2: number('distinct_2'),
        self_bleu: number('self_bleu'),
        words: median('words'),
        content_words: median('content_words'),
      },
    ]
  })
}
