import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { loadXxh } from '../../cache/xxh.ts'
import { readCorpus } from '../data/beir.ts'
import { IdTable } from '../data/id-table.ts'
import { corpusOf, splitOf } from '../data/inputs.ts'
import { readJsonl, readLines, writeJsonl } from '../data/jsonl.ts'
import { FILES } from '../data/rows.ts'
import { loadSplit, type Split } from '../data/split.ts'
import { type SourceFile, type StageContext, StageError, type StageSummary } from '../define.ts'
import { parseMetric } from '../retrieval/metric-name.ts'
import { evaluateRun, mean } from '../retrieval/metrics.ts'
import { strictlyDecreasing, writeRun } from '../retrieval/run-file.ts'
import type { Hit } from '../retrieval/top-k.ts'
import { findLeaks, type Leak } from './leakage.ts'
import { leaveOut } from './left-out.ts'
import { retrieve } from './retrievers.ts'
import type { EvalOptions } from './stage.ts'

/** Means over a set of queries; without queries there are none. */
interface Group {
  queries: number
  metrics: { [metric: string]: number }
}

/**
 * Retrieves, writes the run, and measures exactly what was written. Writes `run.trec`, `scores.json` and
 * `queries.jsonl` (sorted by the bytes of query ids).
 */
export async function run(context: StageContext<EvalOptions>): Promise<StageSummary> {
  const { options, inputs } = context
  const { split, top_k, drop_self, profile } = options
  const corpus = corpusOf(inputs.dataset)
  const passages = await idsOf(corpus)
  const { split: judged, leftOut } = await leaveOut(await loadSplit(inputs.judgements, passages), context)
  await requireTexts(judged, splitOf(inputs.judgements).queries)

  // A query that is a passage itself takes one rank; one more is fetched, so that top_k others remain.
  const depth = drop_self ? top_k + 1 : top_k
  const {
    retriever,
    run: found,
    warnings,
  } = await retrieve(context, { queries: judged.queries, corpus, passages, depth })
  const ranked = new Map<string, Hit[]>()
  let selfRemoved = 0
  for (const [query, hits] of found) {
    const others = drop_self ? hits.filter(({ id }) => id !== query) : hits
    selfRemoved += hits.length - others.length
    ranked.set(query, strictlyDecreasing(others).slice(0, top_k))
  }
  await writeRun(path.join(context.outputs.run!, FILES.run), ranked, options.tag)

  const metrics = options.metrics.map(parseMetric)
  const values = evaluateRun(ranked, judged.qrels, metrics)
  const leaks = await leaksOf(context, judged)
  const group = (keep: (query: string) => boolean): Group => {
    const rows = [...values].filter(([query]) => keep(query)).map(([, row]) => row)
    return {
      queries: rows.length,
      metrics:
        rows.length === 0
          ? {}
          : Object.fromEntries(metrics.map(({ name }, i) => [name, mean(rows.map((row) => row[i]!))])),
    }
  }
  const all = group(() => true)
  const groups = leaks && { clean: group((query) => !leaks.has(query)), leaked: group((query) => leaks.has(query)) }
  const retrieved = [...values.keys()].filter((query) => (ranked.get(query)?.length ?? 0) > 0).length
  warnings.push(...countWarnings(judged, retrieved))

  const scores = {
    schema: 1,
    profile,
    split,
    top_k,
    drop_self,
    retriever,
    queries: all.queries,
    retrieved,
    judged: [...judged.qrels.values()].reduce((sum, judgements) => sum + judgements.size, 0),
    metrics: all.metrics,
    ...(groups && { groups }),
    warnings,
  }
  await writeFile(path.join(context.outputs.scores!, FILES.scores), `${JSON.stringify(scores, null, 2)}\n`, {
    flag: 'wx',
  })
  const rows = await writeJsonl(path.join(context.outputs.scores!, FILES.queries))
  for (const [query, row] of values)
    await rows.write({
      query_id: query,
      metrics: Object.fromEntries(metrics.map(({ name }, i) => [name, row[i]!])),
      ...(leaks && { leaked: leaks.get(query) ?? false }),
    })
  await rows.close()

  const leakCounts = leaks && {
    clean: values.size - leaks.size,
    leaked_gold: countLeaks(leaks, 'gold'),
    leaked_near_duplicate: countLeaks(leaks, 'near-duplicate'),
  }
  return {
    counts: {
      passages: passages.size,
      queries: values.size,
      retrieved,
      ...(drop_self && { self_removed: selfRemoved }),
      ...(leftOut > 0 && { left_out: leftOut }),
      ...leakCounts,
    },
    warnings,
    details: {
      metrics: all.metrics,
      ...(groups && { groups: { clean: { ...groups.clean }, leaked: { ...groups.leaked } } }),
    },
  }
}

async function idsOf(corpus: SourceFile): Promise<IdTable> {
  await loadXxh()
  const ids = new IdTable()
  for await (const { _id } of readCorpus(corpus)) ids.add(_id, ids.size)
  return ids
}

async function leaksOf(
  { inputs, options }: StageContext<EvalOptions>,
  judged: Split,
): Promise<ReadonlyMap<string, Leak> | undefined> {
  const { leakage } = inputs
  if (!leakage) return undefined
  // Names are not part of keys, so it is by their content that two splits are told to be of one collection.
  const sameCollection = splitOf(leakage).queries.digest === splitOf(inputs.judgements).queries.digest
  return findLeaks(judged, await loadSplit(leakage), { jaccard: options.near_duplicate, sameCollection })
}

function countLeaks(leaks: ReadonlyMap<string, Leak>, kind: Leak): number {
  return [...leaks.values()].filter((leak) => leak === kind || leak === 'both').length
}

function countWarnings({ qrels }: Split, retrieved: number): string[] {
  const warnings: string[] = []
  const unanswered = qrels.size - retrieved
  if (unanswered > 0) warnings.push(`${unanswered} of ${qrels.size} judged queries have no results; they count as 0`)
  let hopeless = 0
  for (const judgements of qrels.values()) if (![...judgements.values()].some((relevance) => relevance > 0)) hopeless++
  if (hopeless > 0)
    warnings.push(`${hopeless} of ${qrels.size} judged queries have no relevant passage; they count as 0`)
  return warnings
}

async function requireTexts({ queries }: Split, file: SourceFile): Promise<void> {
  for (const [id, text] of queries)
    if (text.trim() === '')
      throw new StageError(`query ${JSON.stringify(id)} has no text`, {
        where: `${file.location}:${await lineOf(id, file.location)}`,
        advice: 'Give it a text, or take its judgements out of the split.',
      })
}

async function lineOf(id: string, location: string): Promise<number> {
  if (/\.tsv(\.gz)?$/.test(location)) {
    for await (const { text, number } of readLines(location)) if (text.split('\t').includes(id)) return number
  } else for await (const { row, line } of readJsonl(location)) if (row._id === id) return line
  return 0
}
