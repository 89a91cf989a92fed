import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { writeJsonl } from '../data/jsonl.ts'
import { FILES } from '../data/rows.ts'
import { TextSpool } from '../data/text-spool.ts'
import type { StageContext, StageSummary } from '../define.ts'
import { agreementOf, type TwiceJudged } from './agreement.ts'
import { readHandLabels } from './hand-labels.ts'
import { holesOf } from './holes.ts'
import { Judge } from './judge.ts'
import type { JudgedPair, Judging } from './judging.ts'
import { pairKey } from './pair-key.ts'
import { HOLES_DEPTH, type Pool, type Pooled, readPool } from './pool.ts'
import { eachPooledText, type PassageText } from './pool-texts.ts'
import type { JudgeStageOptions } from './stage-options.ts'

/** Judges the pool and writes `qrels.tsv`, `judging.json` (with both outputs) and `pool.jsonl`, sorted by ids. */
export async function run(context: StageContext<JudgeStageOptions>): Promise<StageSummary> {
  const { options, inputs, outputs, signal, progress, scratch } = context
  const pool = await readPool(inputs, options)
  const hand = await readHandLabels(inputs.hand)
  const spool = new TextSpool(path.join(scratch, 'texts'))
  try {
    const numbers = new Map<string, number>()
    await eachPooledText(
      pool,
      inputs.dataset,
      (id, text) => void numbers.set(id, spool.add(JSON.stringify(text))),
      signal,
    )
    const textOf = (id: string): PassageText | undefined => {
      const number = numbers.get(id)
      return number === undefined ? undefined : (JSON.parse(spool.get(number)) as PassageText)
    }
    const asked = options.llm ? await askModel(context, pool, textOf, options.llm) : undefined
    const rows = await writeJsonl(path.join(outputs.judgements!, FILES.pool))
    const known = new Set<string>()
    const twice: TwiceJudged[] = []
    const counts = { by_hand: 0, by_llm: 0, relevant: 0, unknown: 0 }
    const answered = new Set<string>()
    let qrels = 'query-id\tcorpus-id\tscore\n'
    let used = 0
    for (const [query_id, passage, pooled] of pairsOf(pool)) {
      const text = textOf(passage)
      if (!text) {
        counts.unknown++
        continue
      }
      const query = pool.queries.get(query_id)!
      const pair = pairKey(query, text)
      const byLlm = asked?.grades.get(idOf(query_id, passage)) ?? null
      const byHand = hand.of(pair, query_id, passage) ?? null
      if (byHand !== null) used++
      if (byHand !== null && byLlm !== null) twice.push({ query: query_id, a: byHand, b: byLlm })
      const grade = byHand ?? byLlm
      const by = byHand !== null ? 'hand' : byLlm !== null ? 'llm' : null
      const row: JudgedPair = {
        query_id,
        passage_id: passage,
        pair,
        query,
        ...text,
        rank: pooled.rank,
        runs: pooled.runs,
        grade,
        by,
        llm: byLlm,
        hand: byHand,
      }
      await rows.write(row)
      if (grade === null) continue
      known.add(idOf(query_id, passage))
      counts[by === 'hand' ? 'by_hand' : 'by_llm']++
      const relevance = grade >= options.relevant_from ? grade : Math.min(grade, 0)
      if (relevance > 0) {
        counts.relevant++
        answered.add(query_id)
      }
      qrels += `${query_id}\t${passage}\t${relevance}\n`
    }
    await rows.close()
    progress(rows.rows, rows.rows)
    const judging: Judging = {
      schema: 1,
      queries: pool.byQuery.size,
      pairs: rows.rows,
      judged: known.size,
      by_hand: counts.by_hand,
      by_llm: counts.by_llm,
      relevant: counts.relevant,
      relevant_from: options.relevant_from,
      circular: options.circular ?? false,
      agreement: agreementOf(twice, options.relevant_from) ?? null,
      holes: holesOf(pool.runs, pool.byQuery.keys(), (query, passage) => known.has(idOf(query, passage))),
    }
    const about = `${JSON.stringify(judging, null, 2)}\n`
    await writeFile(path.join(outputs.qrels!, FILES.qrels), qrels, { flag: 'wx' })
    for (const output of ['qrels', 'judgements'] as const)
      await writeFile(path.join(outputs[output]!, FILES.judging), about, { flag: 'wx' })
    const failed = asked?.facts.failed ?? 0
    return {
      counts: {
        queries: judging.queries,
        runs: pool.runs.length,
        pairs: judging.pairs,
        judged: judging.judged,
        by_hand: judging.by_hand,
        by_llm: judging.by_llm,
        relevant: judging.relevant,
      },
      warnings: [
        ...pool.warnings,
        ...warningsOf(judging, options, {
          unknown: counts.unknown,
          unused: hand.size - used,
          unanswered: pool.byQuery.size - answered.size,
        }),
      ],
      details: {
        agreement: judging.agreement,
        holes: judging.holes,
        circular: judging.circular,
        ...(asked ? { llm: asked.facts } : {}),
      },
      ...(failed > 0 ? { incomplete: failed } : {}),
    }
  } finally {
    spool.close()
  }
}

async function askModel(
  context: StageContext<JudgeStageOptions>,
  pool: Pool,
  textOf: (id: string) => PassageText | undefined,
  options: NonNullable<JudgeStageOptions['llm']>,
): Promise<{ grades: ReadonlyMap<string, number>; facts: { unparsed: number; refused: number; failed: number } }> {
  const grades = new Map<string, number>()
  let done = 0
  const judge = new Judge<string>(context, 'llm', options, (id, grade) => {
    if (grade !== null && Number.isSafeInteger(grade)) grades.set(id, grade)
    context.progress(++done, pool.pairs, 'pairs judged')
  })
  try {
    for (const [query, passage] of pairsOf(pool)) {
      const text = textOf(passage)
      if (text) await judge.ask({ mark: idOf(query, passage), query: pool.queries.get(query)!, passage: text })
    }
    await judge.finish()
    return { grades, facts: judge.facts() }
  } finally {
    await judge.abandon()
  }
}

function* pairsOf({ byQuery }: Pool): Generator<[query: string, passage: string, pooled: Pooled]> {
  for (const [query, pooled] of byQuery) for (const one of pooled) yield [query, one.passage, one]
}

// Ids of a run have no whitespace.
function idOf(query: string, passage: string): string {
  return `${query}\t${passage}`
}

function warningsOf(
  { judged, pairs, queries, circular, holes, by_llm }: Judging,
  { depth, llm }: JudgeStageOptions,
  { unknown, unused, unanswered }: { unknown: number; unused: number; unanswered: number },
): string[] {
  const warnings: string[] = []
  if (circular && by_llm > 0)
    warnings.push('circular: the model that judges also wrote or chose what the systems learned from')
  if (unknown > 0) warnings.push(`${unknown} results of the runs are no passages of the corpus; they were left out`)
  if (judged === 0) warnings.push('nothing is judged yet: judge by hand with `queryloom audit`, or give it an `llm`')
  else if (llm && judged < pairs) warnings.push(`${pairs - judged} of ${pairs} pairs have no grade`)
  const withHoles = holes.filter(({ unjudged }) => unjudged > 0)
  if (judged > 0 && depth < HOLES_DEPTH && withHoles.length > 0)
    warnings.push(`${withHoles.length} runs have unjudged passages among their first ${HOLES_DEPTH}; raise \`depth\``)
  if (judged > 0 && unanswered > 0) warnings.push(`${unanswered} of ${queries} queries have no relevant passage so far`)
  if (unused > 0) warnings.push(`${unused} grades of people are for pairs that are not in the pool`)
  return warnings
}
