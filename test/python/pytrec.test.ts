import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { loadSplit } from '../../stages/data/split.ts'
import { evaluate } from '../../stages/eval/stage.ts'
import { parseMetric } from '../../stages/retrieval/metric-name.ts'
import { evaluateRun, mean, meansOf, type Qrels, type Run } from '../../stages/retrieval/metrics.ts'
import { printed } from '../../stages/retrieval/printed.ts'
import { PROFILES } from '../../stages/retrieval/profile.ts'
import type { Hit } from '../../stages/retrieval/top-k.ts'
import { type PythonPackages, pythonPackages } from '../rig/python.ts'
import { runStage } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { evalInputs, present } from '../stages/eval/collections.ts'

// pytrec_eval-terrier holds trec_eval 9.0.8; without a run of SciPy's statistics it needs no SciPy.
const PACKAGES = ['pytrec_eval-terrier==0.5.11', 'beir==2.2.0', 'numpy==2.4.6', 'scipy==1.17.1', 'tqdm==4.67.1']

/** trec_eval's names of our metrics; the reciprocal rank has no cut-off there. */
const NAMES: { readonly [metric: string]: string } = {
  ndcg: 'ndcg',
  'ndcg@10': 'ndcg_cut_10',
  'ndcg@100': 'ndcg_cut_100',
  'recall@10': 'recall_10',
  'recall@100': 'recall_100',
  'recall@1000': 'recall_1000',
  'precision@10': 'P_10',
  map: 'map',
  'map@10': 'map_cut_10',
  mrr: 'recip_rank',
  'hit@1': 'success_1',
  'hit@10': 'success_10',
}

const SCRIPT = `
import json, sys
from pytrec_eval import RelevanceEvaluator
given = json.load(open(sys.argv[1], encoding='utf-8'))
measures = {'ndcg', 'ndcg_cut.10,100', 'recall.10,100,1000', 'P.10', 'map', 'map_cut.10', 'recip_rank', 'success.1,10'}
def printed(case):
    run = {query: dict(hits) for query, hits in case.get('run', [])}
    if 'file' in case:
        for line in open(case['file'], encoding='utf-8'):
            query, _, passage, _, score, _ = line.split()
            run.setdefault(query, {})[passage] = float(score)
    values = RelevanceEvaluator(case['qrels'], measures).evaluate(run)
    return {query: {name: '%6.4f' % value for name, value in row.items()} for query, row in values.items()}
print(json.dumps([printed(case) for case in given]))
`

const BEIR_SCRIPT = `
import json, logging, sys
from beir.retrieval.evaluation import EvaluateRetrieval as E
logging.disable(logging.CRITICAL)
def means(case):
    ks = [1, 3, 10]
    out = {}
    run = {query: dict(hits) for query, hits in case['run']}
    for part in E.evaluate(case['qrels'], run, ks): out.update(part)
    for name in ('mrr', 'r_cap', 'acc'): out.update(E.evaluate_custom(case['qrels'], run, ks, name))
    return out
print(json.dumps([means(case) for case in json.load(open(sys.argv[1], encoding='utf-8'))]))
`

const execute = promisify(execFile)
let packages: PythonPackages | undefined

beforeAll(async () => {
  packages = await pythonPackages(PACKAGES, 'equality with pytrec_eval and BEIR')
})

/** A run and judgements; in a given file, the run is read by Python itself. */
type Case = { qrels: Qrels } & ({ run: Run } | { file: string })
type Rows = { [query: string]: { [measure: string]: string } }

// biome-ignore lint/suspicious/noExplicitAny: whatever the script prints
async function python(context: TestContext, script: string, cases: readonly Case[]): Promise<any> {
  if (!packages) return context.skip()
  const folder = temporaryFolder()
  const input = path.join(folder, 'input.json')
  const program = path.join(folder, 'evaluate.py')
  const plain = cases.map((one) => ({
    ...one,
    qrels: Object.fromEntries([...one.qrels].map(([query, judged]) => [query, Object.fromEntries(judged)])),
    // Lists, since objects of JavaScript put ids that look like numbers first.
    ...('run' in one && {
      run: [...one.run].map(([query, hits]) => [query, hits.map(({ id, score }) => [id, score])]),
    }),
  }))
  writeFileSync(input, JSON.stringify(plain))
  writeFileSync(program, script)
  const { stdout } = await execute(packages.tools.python, [program, input], {
    maxBuffer: 1 << 28,
    env: { ...process.env, PYTHONPATH: packages.folder },
  })
  return JSON.parse(stdout)
}

describe('our metrics and those of trec_eval 9, by pytrec_eval-terrier', () => {
  it.skipIf(!present('scifact'))(
    'print the same four digits for every query of the run written for SciFact',
    async (context) => {
      const inputs = evalInputs('scifact')
      const metrics = [...Object.keys(NAMES), 'mrr@10']
      const result = await runStage(evaluate, { dataset: { $input: 'dataset' }, retriever: 'bm25', metrics }, inputs)
      const { qrels } = await loadSplit(inputs.judgements)
      const file = path.join(result.folder('run'), 'run.trec')
      const [theirs]: [Rows] = await python(context, SCRIPT, [{ qrels, file }])
      const ours = result.rows('scores', 'queries.jsonl')
      expect(ours).toHaveLength(300)
      expect(Object.keys(theirs)).toHaveLength(300)
      for (const { query_id, metrics: values } of ours) {
        const row = Object.entries(NAMES).map(([metric]) => [metric, printed(values[metric])])
        expect([query_id, row]).toEqual([
          query_id,
          Object.entries(NAMES).map(([metric, name]) => [metric, theirs[query_id]?.[name]]),
        ])
        // recip_rank of a run cut at 10 is 0 beyond rank 10, and the same before.
        expect(values['mrr@10']).toBe(values.mrr >= 0.1 ? values.mrr : 0)
      }
    },
  )

  it('print the same four digits for 2,000 runs full of ties, grades, negative grades and strange ids', async (context) => {
    const cases = randomCases(2000, 7)
    // One call for all of them: the library is slow to start.
    const named = <Value>(of: (one: (typeof cases)[number]) => Map<string, Value>): Map<string, Value> =>
      new Map(cases.flatMap((one, i) => [...of(one)].map(([query, value]) => [`${i} ${query}`, value] as const)))
    const [theirs]: [Rows] = await python(context, SCRIPT, [
      { run: named(({ run }) => run), qrels: named(({ qrels }) => qrels) },
    ])
    const metrics = Object.keys(NAMES).map(parseMetric)
    const counts = { queries: 0, missing: 0 }
    for (const [i, { run, qrels }] of cases.entries()) {
      for (const [query, row] of evaluateRun(run, qrels, metrics)) {
        const their = theirs[`${i} ${query}`]
        // With -c, a judged query that is not in the run counts as 0; the library leaves it out.
        const expected = Object.values(NAMES).map((name) => their?.[name] ?? '0.0000')
        expect(`${i} ${query} ${row.map(printed).join()}`).toBe(
          `${i} ${query} ${expected.map((value) => value.padStart(6)).join()}`,
        )
        counts.queries++
        if (!their) counts.missing++
        expect(their !== undefined).toBe(run.has(query))
      }
    }
    expect(counts.queries).toBeGreaterThan(6000)
    expect(counts.missing).toBeGreaterThan(1000)
  })

  it('give the means of trec_eval -c over queries in the order of their ids', async (context) => {
    const cases = randomCases(50, 8)
    const theirs: Rows[] = await python(context, SCRIPT.replaceAll("'%6.4f' % value", 'value'), cases)
    const metrics = Object.keys(NAMES).map(parseMetric)
    for (const [i, { run, qrels }] of cases.entries()) {
      const values = evaluateRun(run, qrels, metrics)
      const ours = meansOf(values.values(), qrels.size, metrics).map(printed)
      const names = Object.values(NAMES)
      const expected = names.map((name) => mean([...values.keys()].map((id) => Number(theirs[i]?.[id]?.[name] ?? 0))))
      expect(ours).toEqual(expected.map(printed))
    }
  })
})

describe('our metrics under the profile of BEIR and those of its own code', () => {
  it('have the same five digits, with queries that the run lacks, ties in the order of the run and self-matches', async (context) => {
    const cases = randomCases(100, 9)
      .map(({ run, qrels }) => ({
        // Its R_cap divides by 0 where nothing is relevant, and its mean where nothing is left.
        qrels: new Map([...qrels].filter(([, judged]) => [...judged.values()].some((relevance) => relevance > 0))),
        run,
      }))
      .map(({ run, qrels }) => ({ qrels, run: new Map([...run].filter(([query]) => qrels.has(query))) }))
      .filter(({ run }) => run.size > 0)
    const theirs: { [name: string]: number }[] = await python(context, BEIR_SCRIPT, cases)
    const names = {
      ndcg: 'NDCG',
      map: 'MAP',
      recall: 'Recall',
      precision: 'P',
      mrr: 'MRR',
      r_cap: 'R_cap',
      hit: 'Accuracy',
    }
    const wanted = Object.entries(names).flatMap(([our, their]) =>
      [1, 3, 10].map((k) => [`${our}@${k}`, `${their}@${k}`]),
    )
    const metrics = wanted.map(([our]) => parseMetric(our as string))
    for (const [i, { run, qrels }] of cases.entries()) {
      const others = new Map([...run].map(([query, hits]) => [query, hits.filter(({ id }) => id !== query)]))
      const ours = meansOf(
        evaluateRun(others, qrels, metrics, PROFILES.beir).values(),
        qrels.size,
        metrics,
        PROFILES.beir,
      )
      expect([i, ...ours]).toEqual([i, ...wanted.map(([, their]) => theirs[i]?.[their as string])])
    }
  })
})

/** Runs and judgements of a few queries each. */
function randomCases(
  count: number,
  seed: number,
): { run: Map<string, Hit[]>; qrels: Map<string, Map<string, number>> }[] {
  const random = generator(seed)
  const queries = ['1', '10', '9', 'q', 'é', '\uff5e', '\u{1f600}']
  const pool = ['1', '10', '2', '9', 'Z', 'a', 'aa', 'é', '\uff5e', '\u{1f600}', '\u{10400}', 'ｚ', '~', '0']
  const levels = [0.5, 0.50000000001, 0.5000001, 1, 1e9, 1e9 + 1, 1e9 + 100, -3, 0]
  return Array.from({ length: count }, () => {
    const run = new Map<string, Hit[]>()
    const qrels = new Map<string, Map<string, number>>()
    for (const query of queries) {
      if (random() < 0.5) continue
      const hits = pool
        .filter(() => random() < 0.7)
        .map((id) => ({ id, score: levels[Math.floor(random() * levels.length)]! }))
        .sort(() => random() - 0.5)
      // Grades below -1 make pytrec_eval itself write outside its memory.
      const judged = pool.filter(() => random() < 0.5).map((id) => [id, Math.floor(random() * 5) - 1] as const)
      if (hits.length > 0 && random() < 0.8) run.set(query, hits)
      if (judged.length > 0) qrels.set(query, new Map(judged))
    }
    return { run, qrels }
  })
}

/** A small linear congruential generator; only these tests depend on it. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
