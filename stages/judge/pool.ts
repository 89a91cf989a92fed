import { canonicalBytes, compareUtf8 } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import { readQueries } from '../data/beir.ts'
import { queriesOf } from '../data/inputs.ts'
import { FILES, fileOf } from '../data/rows.ts'
import { StageError, type StageInput } from '../define.ts'
import { PROFILES, trecOrder } from '../retrieval/profile.ts'
import { readRun } from '../retrieval/run-file.ts'
import type { JudgeStageOptions } from './stage-options.ts'

/** A passage that is to be judged for a query. */
export interface Pooled {
  passage: string
  /** The best rank that any run gave it, from 1. */
  rank: number
  /** How many runs have it among their first. */
  runs: number
}

/** The best of one run: ids by query, as deep as the pool or as holes are looked for. */
export interface PooledRun {
  label: string
  best: ReadonlyMap<string, readonly string[]>
}

/** What is to be judged: the first passages of all runs, once each. */
export interface Pool {
  /** By id of the query, sorted by their bytes; passages, too. */
  byQuery: ReadonlyMap<string, readonly Pooled[]>
  /** Texts of these queries. */
  queries: ReadonlyMap<string, string>
  runs: readonly PooledRun[]
  pairs: number
  warnings: string[]
}

/** How far holes are looked for in each run. */
export const HOLES_DEPTH = 10

/**
 * Pools the first `depth` passages of every run for every query (Spärck Jones and van Rijsbergen 1975), or for a sample of
 * the queries that holds each smaller one. The order of the runs changes nothing.
 */
export async function readPool(
  inputs: { readonly [name: string]: StageInput },
  { depth, sample }: Pick<JudgeStageOptions, 'depth' | 'sample'>,
): Promise<Pool> {
  const texts = new Map<string, string>()
  for await (const { _id, text } of readQueries(queriesOf(inputs.dataset))) texts.set(_id, text)
  const runs: PooledRun[] = []
  const strangers = new Set<string>()
  for (const [label, location, shown] of runsOf(inputs)) {
    const best = new Map<string, string[]>()
    for (const [query, hits] of await readRun(location, shown)) {
      if (!texts.has(query)) strangers.add(query)
      else best.set(query, firstOf(hits, Math.max(depth, HOLES_DEPTH)))
    }
    runs.push({ label, best })
  }
  const found = [...new Set(runs.flatMap(({ best }) => [...best.keys()]))].sort(compareUtf8)
  if (found.length === 0)
    throw new StageError("the runs have none of the dataset's queries", {
      advice: 'Make them by `eval` with `queries: all` on the same dataset.',
    })
  const chosen = sample === undefined ? found : drawn(found, sample.count, sample.seed)
  const byQuery = new Map<string, Pooled[]>()
  let pairs = 0
  for (const query of chosen) {
    const pooled = new Map<string, Pooled>()
    for (const { best } of runs)
      for (const [i, passage] of (best.get(query) ?? []).slice(0, depth).entries()) {
        const known = pooled.get(passage)
        if (known) pooled.set(passage, { passage, rank: Math.min(known.rank, i + 1), runs: known.runs + 1 })
        else pooled.set(passage, { passage, rank: i + 1, runs: 1 })
      }
    pairs += pooled.size
    byQuery.set(
      query,
      [...pooled.values()].sort((a, b) => compareUtf8(a.passage, b.passage)),
    )
  }
  return {
    byQuery,
    queries: new Map(chosen.map((id) => [id, texts.get(id)!])),
    runs,
    pairs,
    warnings:
      strangers.size === 0 ? [] : [`${strangers.size} queries of the runs are not in the dataset; they were left out`],
  }
}

/** The labels of the runs, and where they lie: `trained`, `trained[density=1]`; sorted. */
function runsOf(inputs: { readonly [name: string]: StageInput }): [label: string, location: string, shown: string][] {
  return Object.keys(inputs)
    .filter((name) => name.startsWith('runs/'))
    .sort(compareUtf8)
    .map((name) => {
      const [label = '', variant = 'only'] = name.slice('runs/'.length).split('/').map(unescaped)
      return [variant === 'only' ? label : `${label}[${variant}]`, ...fileOfRun(inputs[name], label)]
    })
}

function fileOfRun(input: StageInput | undefined, label: string): [location: string, shown: string] {
  if (input?.type === 'artifact') return [fileOf(input, FILES.run).location, FILES.run]
  const file = input?.type === 'path' && !input.folder ? input.files[0] : undefined
  if (input?.type !== 'path' || !file)
    throw new StageError(`the run ${label} must be one file`, { advice: "Name a file in TREC's six columns." })
  return [file.location, input.path]
}

// A run has many queries, and the first of each are few.
function firstOf(hits: Parameters<typeof trecOrder>[0], count: number): string[] {
  return trecOrder(hits, PROFILES.trec9)
    .slice(0, count)
    .map(({ id }) => id)
}

function drawn(ids: readonly string[], count: number, seed: number): string[] {
  return ids
    .map((id): [string, string] => [sha256(canonicalBytes('judged query', { seed, id })), id])
    .sort(([a], [b]) => compareUtf8(a, b))
    .slice(0, count)
    .map(([, id]) => id)
    .sort(compareUtf8)
}

function unescaped(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~')
}
