import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { whereQuery } from '../data/beir.ts'
import { splitOf } from '../data/inputs.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { FILES } from '../data/rows.ts'
import { loadSplit, type Split } from '../data/split.ts'
import { type SourceFile, type StageContext, StageError, type StageSummary } from '../define.ts'
import type { Judging } from '../judge/judging.ts'
import { parseMetric } from '../retrieval/metric-name.ts'
import { evaluateRun, meansOf } from '../retrieval/metrics.ts'
import { PROFILES, trecOrder } from '../retrieval/profile.ts'
import { strictlyDecreasing, writeRun } from '../retrieval/run-file.ts'
import type { Hit } from '../retrieval/top-k.ts'
import { openCorpus } from './corpus.ts'
import { factsOf, groupsOf, type QueryFacts } from './groups.ts'
import { type Integrity, integrityOf } from './integrity.ts'
import { judgedInput, unjudgedQueries } from './judged-split.ts'
import type { Leak } from './leakage.ts'
import { leaveOut } from './left-out.ts'
import { mtebResult } from './mteb-result.ts'
import { type Retrieved, retrieve } from './retrievers.ts'
import type { EvalOptions } from './stage-options.ts'
import { TASKS } from './tasks.ts'

/** Means over a set of queries; without queries there are none. */
type Group = {
  queries: number
  metrics: { [metric: string]: number }
}

/**
 * Retrieves, writes the run, and measures it by the rules of the profile. Writes `run.trec`, `scores.json`,
 * `queries.jsonl` (the queries that count, sorted by the bytes of their ids) and, under the profile of MTEB and where
 * the task is known, `mteb-TASK.json`.
 */
export async function run(context: StageContext<EvalOptions>): Promise<StageSummary> {
  const { options, inputs, outputs } = context
  const { split, top_k, task } = options
  const profile = PROFILES[options.profile]
  const known = task === undefined ? undefined : TASKS[task]
  const dropSelf = options.drop_self ?? (profile.self === 'dropped' || (known?.self ?? false))
  const corpus = await openCorpus(context)
  const rank = async (
    queries: ReadonlyMap<string, string>,
  ): Promise<{ found: Retrieved; ranked: Map<string, Hit[]> }> => {
    const found = await retrieve(context, { queries, corpus, depth: top_k, dropSelf })
    const ranked = new Map<string, Hit[]>()
    for (const [query, hits] of found.run)
      ranked.set(query, strictlyDecreasing(trecOrder(hits, profile).slice(0, top_k)))
    await writeRun(path.join(outputs.run!, FILES.run), ranked, options.tag)
    return { found, ranked }
  }
  if (options.queries === 'all') {
    const { queries } = await unjudgedQueries(context)
    const { found, ranked } = await rank(queries)
    return {
      counts: { passages: corpus.size, queries: queries.size, retrieved: ranked.size },
      ...(found.warnings.length > 0 ? { warnings: found.warnings } : {}),
    }
  }
  const { input: judgements, judging } = await judgedInput(context)
  let missing = 0
  const loaded = await loadSplit(judgements, corpus.known, {
    ...(options.missing_passages === 'count' && { note: () => missing++ }),
    advice: 'With `missing_passages: count` they are answers that nobody finds, as for trec_eval.',
  })
  const { split: judged, leftOut } = await leaveOut(loaded, context)
  const integrity = integrityOf(corpus.notes, judged, missing)
  const { queries: queriesFile, qrels: qrelsFile } = splitOf(judgements)
  await requireTexts(judged, queriesFile)
  const { found, ranked } = await rank(judged.queries)

  // What the run says, but for ties of a given run: in how these go, programs differ.
  const given = found.retriever.kind === 'run' ? found.run : ranked
  const metrics = options.metrics.map(parseMetric)
  const values = evaluateRun(given, judged.qrels, metrics, profile, top_k)
  const facts = await factsOf(context, judged)
  const group = (keep: (query: string) => boolean): Group => {
    const rows = [...values].filter(([query]) => keep(query)).map(([, row]) => row)
    const means = meansOf(rows, [...judged.qrels.keys()].filter(keep).length, metrics, profile)
    return {
      queries: rows.length,
      metrics: rows.length === 0 ? {} : Object.fromEntries(metrics.map(({ name }, i) => [name, means[i]!])),
    }
  }
  const all = group(() => true)
  const groups = Object.fromEntries([...groupsOf(facts)].map(([name, keep]) => [name, group(keep)]))
  const grouped = Object.keys(groups).length > 0 ? { groups } : {}
  const retrieved = [...judged.qrels.keys()].filter((query) => (ranked.get(query)?.length ?? 0) > 0).length
  const warnings = [
    ...found.warnings,
    ...countWarnings(judged, retrieved, values.size, integrity),
    ...warningsOf(judging),
  ]
  if (options.drop_self === undefined && !dropSelf && found.twins > 0)
    warnings.push(
      `${found.twins} queries are passages of the collection, and find themselves; say drop_self: true or false`,
    )

  const scores = {
    schema: 1,
    profile: options.profile,
    // Never to be taken for measurements by the dataset's own judgements.
    split: options.qrels ? 'judged' : split,
    top_k,
    drop_self: dropSelf,
    ...(task !== undefined && { task, task_group: known!.group, ...(known!.within && { task_within: known!.within }) }),
    dataset: {
      corpus: inputs.dataset?.type === 'dataset' ? inputs.dataset.corpus?.digest : undefined,
      queries: queriesFile.digest,
      qrels: qrelsFile.digest,
      ...(inputs.passages?.type === 'artifact' && { passages: inputs.passages.digest }),
    },
    retriever: found.retriever,
    queries: all.queries,
    retrieved,
    ...(leftOut > 0 && { left_out: leftOut }),
    judged: [...judged.qrels.values()].reduce((sum, judgements) => sum + judgements.size, 0),
    ...(judging && { judging: { ...summaryOf(judging) } }),
    integrity,
    metrics: all.metrics,
    ...grouped,
    warnings,
  }
  await writeText(path.join(outputs.scores!, FILES.scores), scores)
  if (options.profile === 'mteb' && known) {
    const result = mtebResult(task!, known, split, { run: given, qrels: judged.qrels, depth: top_k })
    await writeText(path.join(outputs.scores!, `mteb-${task}.json`), result)
  }
  await writeQueries(path.join(outputs.scores!, FILES.queries), values, options.metrics, facts)

  return {
    counts: {
      passages: corpus.size,
      queries: values.size,
      retrieved,
      ...(dropSelf && { self_removed: found.selves }),
      ...(leftOut > 0 && { left_out: leftOut }),
      ...countFacts(facts, judged),
    },
    warnings,
    details: { metrics: all.metrics, ...grouped },
  }
}

async function writeText(location: string, value: unknown): Promise<void> {
  await writeFile(location, `${JSON.stringify(value, null, 2)}\n`, { flag: 'wx' })
}

async function writeQueries(
  location: string,
  values: ReadonlyMap<string, readonly number[]>,
  names: readonly string[],
  { leaks, augmented }: QueryFacts,
): Promise<void> {
  const rows = await writeJsonl(location)
  for (const [query, row] of values)
    await rows.write({
      query_id: query,
      metrics: Object.fromEntries(names.map((name, i) => [name, row[i]!])),
      ...(leaks && { leaked: leaks.get(query) ?? false }),
      ...(augmented && { augmented: augmented.has(query) }),
    })
  await rows.close()
}

function countFacts({ leaks, augmented }: QueryFacts, { qrels }: Split): { [count: string]: number } {
  return {
    ...(leaks && {
      clean: qrels.size - leaks.size,
      leaked_gold: countLeaks(leaks, 'gold'),
      leaked_near_duplicate: countLeaks(leaks, 'near-duplicate'),
    }),
    ...(augmented && { gold_augmented: augmented.size }),
  }
}

function countLeaks(leaks: ReadonlyMap<string, Leak>, kind: Leak): number {
  return [...leaks.values()].filter((leak) => leak === kind || leak === 'both').length
}

function countWarnings(
  { qrels }: Split,
  retrieved: number,
  counted: number,
  { queries_without_answer, missing_passages }: Integrity,
): string[] {
  const warnings: string[] = []
  const unanswered = qrels.size - retrieved
  const missing = qrels.size - counted
  if (missing > 0)
    warnings.push(`${missing} of ${qrels.size} judged queries are not in the run; the profile leaves them out`)
  if (unanswered > missing)
    warnings.push(`${unanswered - missing} of ${qrels.size} judged queries have no results; they count as 0`)
  if (queries_without_answer > 0)
    warnings.push(`${queries_without_answer} of ${qrels.size} judged queries have no relevant passage; they count as 0`)
  if (missing_passages > 0)
    warnings.push(`${missing_passages} judgements are of passages that are not in the corpus; nobody can find them`)
  return warnings
}

/** What of the judgements' making a measurement carries with it. */
function summaryOf({ pairs, judged, by_hand, by_llm, relevant_from, circular, agreement }: Judging): object {
  return { pairs, judged, by_hand, by_llm, relevant_from, circular, agreement }
}

function warningsOf(judging: Judging | undefined): string[] {
  return judging?.circular && judging.by_llm > 0
    ? ['the judgements are circular: the model that judged also wrote or chose what systems learned from']
    : []
}

async function requireTexts({ queries }: Split, file: SourceFile): Promise<void> {
  for (const [id, text] of queries)
    if (text.trim() === '')
      throw new StageError(`query ${JSON.stringify(id)} has no text`, {
        where: await whereQuery(file, id),
        advice: 'Give it a text, or take its judgements out of the split.',
      })
}
