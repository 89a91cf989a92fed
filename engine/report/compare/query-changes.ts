import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Store } from '../../../cache/store.ts'
import type { DatasetPlace, Registry, SourceFile } from '../../../stages/define.ts'
import type { InputRef } from '../../plan/node.ts'
import { overReplicates } from '../../util/statistics/family-test.ts'
import { type PairedSystem, pairedValues, sharedQueries } from './effects.ts'
import { fileOf, type MeasuredNode } from './measured.ts'
import type { Side } from './side.ts'
import { type TrainingPair, trainingPairs } from './training-pairs.ts'

/** Which queries are asked for: those that lost, or gained, most. */
export interface QueryRequest {
  order: 'worst' | 'best'
  count: number
}

/** One passage of a ranking. */
export interface RankedPassage {
  passage: string
  /** Null where nothing is known of judgements. */
  relevance: number | null
  text: string | null
}

/** One query on both sides. */
export interface QueryChange {
  query: string
  text: string | null
  a: number
  b: number
  difference: number
  /** The ten best passages of either side, by the first of its replicates. */
  top: { a: readonly RankedPassage[]; b: readonly RankedPassage[] }
  /** What was trained on passages that answer the query. */
  training: { a: readonly TrainingPair[]; b: readonly TrainingPair[] }
}

/** The queries of one system that changed most. */
export interface QueryChanges extends QueryRequest {
  system: string
  metric: string
  /** All queries of the system that lost, or gained. */
  of: number
  queries: readonly QueryChange[]
  /** What could not be shown, and why. */
  notes: readonly string[]
}

const DEPTH = 10

/** Shows the queries on which a system changed most: means over replicates, and what either side found for them. */
export async function queryChanges(
  pair: PairedSystem,
  metric: string,
  request: QueryRequest,
  sides: { a: Side; b: Side; base?: Side | undefined },
  services: { blobs: Pick<Store['blobs'], 'check' | 'locate'>; datasets: Registry['datasets'] },
): Promise<QueryChanges> {
  const { ids } = sharedQueries([pair])
  const values = pairedValues(pair, ids, metric)
  const [before, now] = [overReplicates(values.a), overReplicates(values.b)]
  const sign = request.order === 'worst' ? 1 : -1
  const moved = ids
    .map((query, i) => ({ query, a: before[i]!, b: now[i]!, difference: now[i]! - before[i]! }))
    .filter(({ difference }) => difference * sign < 0)
    .sort((x, y) => (x.difference - y.difference) * sign || (x.query < y.query ? -1 : 1))
  const chosen = moved.slice(0, request.count)
  const wanted = new Set(chosen.map(({ query }) => query))
  const [first, second] = [pair.a.results[0] as MeasuredNode, pair.b.results[0] as MeasuredNode]
  const runs = {
    a: await topOf(first, wanted, services.blobs),
    b: await topOf(second, wanted, services.blobs),
  }
  const notes: string[] = []
  for (const [side, run] of [
    ['A', runs.a],
    ['B', runs.b],
  ] as const)
    if (!run) notes.push(`the rankings of ${side} are not stored: their passages can't be shown`)
  if (pair.a.results.length + pair.b.results.length > 2)
    notes.push('numbers are means over replicates; rankings are those of the first replicate')
  const texts = await textsFor(second, sides, services.datasets, wanted, runs)
  notes.push(...texts.notes)
  const relevant = new Set(
    [...texts.judgements.values()].flatMap((judged) => [...judged].filter(([, grade]) => grade > 0).map(([id]) => id)),
  )
  const training = {
    a: await trainingPairs(sides.a, sides.base, first.node.id, relevant, services.blobs),
    b: await trainingPairs(sides.b, sides.base, second.node.id, relevant, services.blobs),
  }
  const shown = (query: string, run: typeof runs.a): RankedPassage[] =>
    (run?.get(query) ?? []).map((passage) => ({
      passage,
      relevance: texts.judgements.size === 0 ? null : (texts.judgements.get(query)?.get(passage) ?? 0),
      text: texts.passages.get(passage) ?? null,
    }))
  return {
    ...request,
    system: pair.label,
    metric,
    of: moved.length,
    queries: chosen.map((change): QueryChange => {
      const answers = [...(texts.judgements.get(change.query) ?? [])].flatMap(([id, grade]) => (grade > 0 ? [id] : []))
      return {
        ...change,
        text: texts.queries.get(change.query) ?? null,
        top: { a: shown(change.query, runs.a), b: shown(change.query, runs.b) },
        training: {
          a: answers.flatMap((id) => training.a.get(id) ?? []),
          b: answers.flatMap((id) => training.b.get(id) ?? []),
        },
      }
    }),
    notes,
  }
}

type Top = ReadonlyMap<string, readonly string[]>

/** The best passages of chosen queries in a result's run (TREC's six columns, best first); undefined if it is not stored. */
async function topOf(
  { node }: MeasuredNode,
  wanted: ReadonlySet<string>,
  blobs: Pick<Store['blobs'], 'check' | 'locate'>,
): Promise<Top | undefined> {
  const file = fileOf(node, 'run.trec', blobs)
  if (file === undefined) return undefined
  const top = new Map<string, string[]>()
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const [query = '', , passage = ''] = line.split(' ', 3)
    if (!wanted.has(query)) continue
    const own = top.get(query) ?? []
    if (own.length < DEPTH) top.set(query, [...own, passage])
  }
  return top
}

interface Texts {
  queries: ReadonlyMap<string, string>
  passages: ReadonlyMap<string, string>
  judgements: ReadonlyMap<string, ReadonlyMap<string, number>>
  notes: string[]
}

async function textsFor(
  measured: MeasuredNode,
  { a, b, base }: { a: Side; b: Side; base?: Side | undefined },
  datasets: Registry['datasets'],
  wanted: ReadonlySet<string>,
  runs: { a: Top | undefined; b: Top | undefined },
): Promise<Texts> {
  const notes: string[] = []
  const find = (part: 'corpus' | 'queries' | 'qrels'): SourceFile | undefined => {
    const digest = measured.scores.dataset?.[part]
    for (const side of [b, a, base]) {
      const source = side && partOf(side, measured.node.id, part)
      if (source && source.digest === digest) return source
    }
    const what = { corpus: 'passages', queries: 'queries', qrels: 'judgements' }[part]
    notes.push(`texts of ${what} are not shown: no pipeline here has the file that was measured on`)
    return undefined
  }
  const found = new Set([...wanted].flatMap((query) => [...(runs.a?.get(query) ?? []), ...(runs.b?.get(query) ?? [])]))
  const [queries, corpus, qrels] = [find('queries'), find('corpus'), find('qrels')]
  return {
    queries: (queries && (await datasets.texts?.(queries, 'queries', wanted))) ?? new Map<string, string>(),
    passages: (corpus && (await datasets.texts?.(corpus, 'corpus', found))) ?? new Map<string, string>(),
    judgements: (qrels && (await datasets.judgements?.(qrels, wanted))) ?? new Map<string, Map<string, number>>(),
    notes,
  }
}

/** The file of a part of the dataset that a node of a pipeline reads. */
function partOf({ graph, sources }: Side, id: string, part: 'corpus' | 'queries' | 'qrels'): SourceFile | undefined {
  const node = [...(graph?.nodes.values() ?? [])].find((one) => one.id === id)
  const refs: readonly InputRef[] = node ? [...node.inputs.values()] : []
  const place = refs.flatMap((ref): DatasetPlace[] => {
    const found = ref.type === 'dataset' ? ref.parts[part] : undefined
    return found === undefined ? [] : [found]
  })[0]
  return place === undefined ? undefined : sources?.source(place)
}
