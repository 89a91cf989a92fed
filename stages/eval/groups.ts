import { inputsAt, queriesOf, splitOf } from '../data/inputs.ts'
import { readJsonl } from '../data/jsonl.ts'
import { artifact, FILES, type Pair, type Passage } from '../data/rows.ts'
import { loadSplit, type Split } from '../data/split.ts'
import type { StageContext } from '../define.ts'
import { findLeaks, type Leak } from './leakage.ts'
import type { EvalOptions } from './stage-options.ts'

/** What is known of queries that tells how fair they are. */
export interface QueryFacts {
  /** Queries that training gives away; undefined where nobody said what training was. */
  leaks?: ReadonlyMap<string, Leak>
  /** Queries with an answer among the passages that training queries were made for. */
  augmented?: ReadonlySet<string>
}

/** Looks the judged queries up in what training may have seen. */
export async function factsOf(context: StageContext<EvalOptions>, judged: Split): Promise<QueryFacts> {
  const leaks = await leaksOf(context, judged)
  const augmented = await augmentedOf(context, judged)
  return { ...(leaks && { leaks }), ...(augmented && { augmented }) }
}

/** Which queries belong to each group that scores are given for, by its name. */
export function groupsOf({ leaks, augmented }: QueryFacts): Map<string, (query: string) => boolean> {
  const groups = new Map<string, (query: string) => boolean>()
  if (leaks) {
    groups.set('clean', (query) => !leaks.has(query))
    groups.set('leaked', (query) => leaks.has(query))
  }
  if (augmented) {
    groups.set('augmented', (query) => augmented.has(query))
    groups.set('not_augmented', (query) => !augmented.has(query))
  }
  if (leaks && augmented) {
    groups.set('clean_augmented', (query) => !leaks.has(query) && augmented.has(query))
    groups.set('clean_not_augmented', (query) => !leaks.has(query) && !augmented.has(query))
  }
  return groups
}

async function leaksOf(
  { inputs, options }: StageContext<EvalOptions>,
  judged: Split,
): Promise<ReadonlyMap<string, Leak> | undefined> {
  const { leakage } = inputs
  if (!leakage) return undefined
  // Names are not part of keys, so it is by their content that two splits are told to be of one collection.
  const sameCollection = splitOf(leakage).queries.digest === queriesOf(inputs.judgements).digest
  return findLeaks(judged, await loadSplit(leakage), { jaccard: options.near_duplicate, sameCollection })
}

async function augmentedOf(
  { inputs }: StageContext<EvalOptions>,
  judged: Split,
): Promise<ReadonlySet<string> | undefined> {
  const given = inputsAt(inputs, 'augmented').map(artifact)
  if (given.length === 0) return undefined
  const passages = new Set<string>()
  for (const { kind, files } of given) {
    const documents = new Map<string, string>()
    for (const { path, location } of files) {
      if (path !== FILES.passages) continue
      for await (const { row } of readJsonl<Passage>(location, path)) documents.set(row._id, row.doc_id ?? row._id)
    }
    const pairs = kind === 'pairs' ? files.filter(({ path }) => path === FILES.pairs) : []
    for (const { path, location } of pairs)
      for await (const { row } of readJsonl<Pair>(location, path))
        passages.add(documents.get(row.passage_id) ?? row.passage_id)
    if (kind === 'passages') for (const document of documents.values()) passages.add(document)
  }
  const augmented = new Set<string>()
  for (const [query, judgements] of judged.qrels)
    if ([...judgements].some(([passage, relevance]) => relevance > 0 && passages.has(passage))) augmented.add(query)
  return augmented
}
