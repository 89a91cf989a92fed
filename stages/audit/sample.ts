import { canonicalBytes, compareUtf8 } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Pair, type Passage } from '../data/rows.ts'
import { type AuditSource, StageError } from '../define.ts'
import { pairKey } from '../judge/pair-key.ts'

/** A pair that was drawn, and those that wrote it. */
export interface SampledPair {
  pair: string
  query: string
  title: string
  text: string
  by: string[]
}

/**
 * Draws pairs of several sources for the same passages: in the order of a hash of the passage, one query of each source,
 * and where the passages that all have are too few, another of each, until there are `count` of every source or no more.
 * Equal pairs of several sources are one. The draw depends on seed, ids and texts alone, so it stays when others are added.
 */
export async function samplePairs(
  sources: readonly AuditSource[],
  { count, seed }: { count: number; seed: number },
): Promise<SampledPair[]> {
  const common = await commonPassages(sources)
  if (common.size === 0)
    throw new StageError(
      sources.length === 1 ? 'there are no queries to judge' : 'there is no passage that all of them wrote a query for',
      { advice: 'Name one node with queries, or nodes that were given the same passages.' },
    )
  const passages = [...common]
    .map((id): [string, string] => [rankOf(seed, id), id])
    .sort(([a], [b]) => compareUtf8(a, b))
    .slice(0, count)
    .map(([, id]) => id)
  const wanted = new Set(passages)
  const drawn = new Map<string, Map<string, SampledPair>>(passages.map((id) => [id, new Map()]))
  for (const source of sources) await drawFrom(source, passages, wanted, { count, seed }, drawn)
  return passages.flatMap((id) =>
    // In an order that tells nobody who wrote which.
    [...drawn.get(id)!.values()].sort((a, b) => compareUtf8(rankOf(seed, a.pair), rankOf(seed, b.pair))),
  )
}

async function commonPassages(sources: readonly AuditSource[]): Promise<Set<string>> {
  let common: Set<string> | undefined
  for (const { input } of sources) {
    const here = new Set<string>()
    for await (const { row } of pairsOf(input)) if (!common || common.has(row.passage_id)) here.add(row.passage_id)
    common = here
  }
  return common ?? new Set()
}

async function drawFrom(
  { label, input }: AuditSource,
  passages: readonly string[],
  wanted: ReadonlySet<string>,
  { count, seed }: { count: number; seed: number },
  into: ReadonlyMap<string, Map<string, SampledPair>>,
): Promise<void> {
  const queries = new Map<string, string[]>()
  for await (const { row } of pairsOf(input))
    if (wanted.has(row.passage_id)) queries.set(row.passage_id, [...(queries.get(row.passage_id) ?? []), row.query])
  const texts = new Map<string, Passage>()
  const { location } = fileOf(input, FILES.passages)
  for await (const { row } of readJsonl<Passage>(location, FILES.passages))
    if (wanted.has(row._id)) texts.set(row._id, row)
  for (const [id, all] of queries)
    queries.set(
      id,
      [...new Set(all)].sort((a, b) => compareUtf8(rankOf(seed, a), rankOf(seed, b))),
    )
  let taken = 0
  for (let round = 0; taken < count; round++) {
    const before = taken
    for (const id of passages) {
      const query = queries.get(id)?.[round]
      const passage = texts.get(id)
      if (query === undefined || !passage || taken === count) continue
      taken++
      const pair = pairKey(query, passage)
      const known = into.get(id)!.get(pair)
      if (known) known.by.push(label)
      else into.get(id)!.set(pair, { pair, query, title: passage.title, text: passage.text, by: [label] })
    }
    if (taken === before) return
  }
}

/** The pairs of an output, streamed. */
export function pairsOf(input: AuditSource['input']): AsyncGenerator<{ row: Pair; line: number }> {
  return readJsonl<Pair>(fileOf(input, FILES.pairs).location, FILES.pairs)
}

/** Where a text stands in the order of a seed. */
export function rankOf(seed: number, text: string): string {
  return sha256(canonicalBytes('audit', { seed, text }))
}
