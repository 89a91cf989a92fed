import { StageError } from '../define.ts'

/** Measures of a ranking; `cutoff` says whether `@k` must, may or can't follow. */
const MEASURES = {
  ndcg: 'optional',
  map: 'optional',
  mrr: 'optional',
  recall: 'required',
  r_cap: 'required',
  precision: 'required',
  hit: 'required',
  judged: 'required',
} as const

/** A measure and how many ranks it looks at. */
export interface Metric {
  /** As written: `ndcg@10`. */
  name: string
  measure: keyof typeof MEASURES
  /** Ranks from the top; Infinity for the whole ranking. */
  cutoff: number
}

/** Reads a metric's name: `ndcg@10`, `recall@100`, `map`, ... Anything else is a StageError that says what there is. */
export function parseMetric(name: string): Metric {
  const [, written = '', cutoff] = /^([a-z_]+)(?:@([1-9]\d{0,6}))?$/.exec(name) ?? []
  const known = Object.hasOwn(MEASURES, written)
  if (!known || (cutoff === undefined && MEASURES[written as keyof typeof MEASURES] === 'required'))
    throw new StageError(known ? `${name} needs a cut-off` : `unknown metric ${JSON.stringify(name)}`, {
      advice: known
        ? `Write for example ${name}@10.`
        : 'Metrics are ndcg@k, recall@k, r_cap@k, precision@k, map@k, mrr@k, hit@k and judged@k with k from 1; ndcg, map and mrr also stand alone.',
    })
  return {
    name,
    measure: written as keyof typeof MEASURES,
    cutoff: cutoff === undefined ? Number.POSITIVE_INFINITY : Number(cutoff),
  }
}
