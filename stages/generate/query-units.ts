import type { RowKey } from '../../cache/digest.ts'
import type { Passage } from '../data/rows.ts'
import type { GenerateOptions } from './options.ts'
import type { Asked } from './prompt/render.ts'
import { mostRequests, type Question, question, type Settled } from './question.ts'
import type { RequestSetup } from './requests.ts'

/** Options that say how many queries are asked for, and how. */
export type QueryOptions = Pick<GenerateOptions, 'per_passage' | 'per_call' | 'show_previous' | 'parse_attempts'>

/** These options alone, as plain data. */
export function queryOptions({ per_passage, per_call, show_previous, parse_attempts }: QueryOptions): QueryOptions {
  return {
    per_passage,
    parse_attempts,
    ...(per_call === undefined ? {} : { per_call }),
    ...(show_previous === undefined ? {} : { show_previous }),
  }
}

/** One conversation about a passage: a call, or (where each is shown what the ones before brought) all of them. */
export interface QueryUnit {
  /** The number of its first call. */
  first: number
  /** What came of each of its calls. */
  asked: Question<readonly Settled[]>
}

/** Calls for one passage: `per_call` queries are asked for in each. */
export function callsOf({ per_passage, per_call = 1 }: QueryOptions): number {
  return Math.ceil(per_passage / per_call)
}

/** Conversations about one passage. */
export function unitsPerPassage(options: QueryOptions): number {
  const calls = callsOf(options)
  return options.show_previous ? Math.min(1, calls) : calls
}

/** Fewest and most requests of one unit. */
export function requestsOf(
  setup: Pick<RequestSetup, 'prompt'>,
  options: QueryOptions,
): { least: number; most: number } {
  const calls = options.show_previous ? callsOf(options) : 1
  return { least: calls, most: calls * mostRequests(setup.prompt, options.parse_attempts) }
}

/**
 * The conversations about a passage, in the order of their samples. Each depends on its texts alone. `keyOf` tells the key of
 * the first request of each, by its number, where that is known.
 */
export function* unitsOf(
  setup: RequestSetup,
  passage: Pick<Passage, 'title' | 'text'>,
  options: QueryOptions,
  keyOf?: (unit: number) => RowKey,
): Generator<QueryUnit> {
  const { per_call: count } = options
  const asked: Asked = { title: passage.title, text: passage.text, ...(count === undefined ? {} : { count }) }
  const calls = callsOf(options)
  if (options.show_previous) {
    if (calls > 0) yield { first: 0, asked: chain(setup, asked, calls, options, keyOf?.(0)) }
    return
  }
  for (let call = 0; call < calls; call++)
    yield { first: call, asked: single(setup, asked, call, options, keyOf?.(call)) }
}

/** Queries of a call with the numbers that they have among those of the passage; more than asked for are left out. */
export function samplesOf(
  settled: Settled,
  call: number,
  { per_passage, per_call = 1 }: QueryOptions,
): { sample: number; query: string; negatives: readonly string[] }[] {
  if (settled.kind !== 'parsed') return []
  const first = call * per_call
  const { queries, negatives = [] } = settled.parsed
  // One each, or all of them for each query.
  const own = queries.length > 1 && negatives.length === queries.length
  return queries
    .slice(0, Math.min(per_call, per_passage - first))
    .map((query, i) => ({ sample: first + i, query, negatives: own ? [negatives[i]!] : negatives }))
}

function* single(
  setup: RequestSetup,
  asked: Asked,
  call: number,
  options: QueryOptions,
  key?: RowKey,
): Question<readonly Settled[]> {
  return [yield* question(setup, asked, call, options.parse_attempts, key)]
}

// A failed call ends it: what would follow depends on what it would have said.
function* chain(
  setup: RequestSetup,
  asked: Asked,
  calls: number,
  options: QueryOptions,
  key?: RowKey,
): Question<readonly Settled[]> {
  const settled: Settled[] = []
  const previous: string[] = []
  for (let call = 0; call < calls; call++) {
    const first = call === 0 ? key : undefined
    const one = yield* question(setup, { ...asked, previous }, call, options.parse_attempts, first)
    settled.push(one)
    if (one.kind === 'failed') break
    for (const { query } of samplesOf(one, call, options)) if (!previous.includes(query)) previous.push(query)
  }
  return settled
}
