import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSplit } from '../../stages/data/split.ts'
import { evaluate } from '../../stages/eval/stage.ts'
import { parseMetric } from '../../stages/retrieval/metric-name.ts'
import { evaluateRun, type Qrels, type Run } from '../../stages/retrieval/metrics.ts'
import { printed } from '../../stages/retrieval/printed.ts'
import type { Hit } from '../../stages/retrieval/top-k.ts'
import { runStage } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { evalInputs, present } from '../stages/eval/collections.ts'

const PACKAGE = 'pytrec_eval-terrier==0.5.11'

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

// The package itself would bring NumPy and SciPy; its compiled part, trec_eval 9.0.8, needs neither.
const SCRIPT = `
import json, sys
from pytrec_eval_ext import RelevanceEvaluator
given = json.load(open(sys.argv[1], encoding='utf-8'))
run = given.get('run')
if run is None:
    run = {}
    for line in open(given['file'], encoding='utf-8'):
        query, _, passage, _, score, _ = line.split()
        run.setdefault(query, {})[passage] = float(score)
measures = {'ndcg', 'ndcg_cut.10,100', 'recall.10,100,1000', 'P.10', 'map', 'map_cut.10', 'recip_rank', 'success.1,10'}
evaluator = RelevanceEvaluator(query_relevance=given['qrels'], measures=measures, relevance_level=1, judged_docs_only_flag=False)
values = evaluator.evaluate(run)
print(json.dumps({query: {name: '%6.4f' % value for name, value in row.items()} for query, row in values.items()}))
`

const execute = promisify(execFile)
let home = ''
let python = ''
let problem = ''

beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'queryloom-pytrec-'))
  try {
    await execute('python3', ['-m', 'venv', path.join(home, 'venv')])
    const found = path.join(home, 'venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
    const pip = [
      '-m',
      'pip',
      '--disable-pip-version-check',
      'install',
      '--quiet',
      '--no-deps',
      '--only-binary',
      ':all:',
    ]
    await execute(found, [...pip, PACKAGE])
    python = found
  } catch (error) {
    problem = `skipped: ${PACKAGE} could not be installed (${(error as Error).message.split('\n')[0]})`
    console.warn(problem)
  }
}, 180_000)

afterAll(() => rmSync(home, { recursive: true, force: true }))

type Printed = { [query: string]: { [measure: string]: string } }

async function pytrec(qrels: Qrels, run: { run: Run } | { file: string }): Promise<Printed> {
  const plain = { qrels: Object.fromEntries([...qrels].map(([query, judged]) => [query, Object.fromEntries(judged)])) }
  const scores =
    'run' in run
      ? {
          run: Object.fromEntries(
            [...run.run].map(([query, hits]) => [query, Object.fromEntries(hits.map(({ id, score }) => [id, score]))]),
          ),
        }
      : run
  const folder = temporaryFolder()
  const input = path.join(folder, 'input.json')
  const script = path.join(folder, 'evaluate.py')
  writeFileSync(input, JSON.stringify({ ...plain, ...scores }))
  writeFileSync(script, SCRIPT)
  const { stdout } = await execute(python, [script, input], { maxBuffer: 1 << 28 })
  return JSON.parse(stdout)
}

describe('our metrics and those of trec_eval 9, by pytrec_eval-terrier', () => {
  it.skipIf(!present('scifact'))(
    'print the same four digits for every query of the run written for SciFact',
    async (context) => {
      context.skip(python === '', problem)
      const inputs = evalInputs('scifact')
      const metrics = [...Object.keys(NAMES), 'mrr@10']
      const result = await runStage(evaluate, { dataset: { $input: 'dataset' }, retriever: 'bm25', metrics }, inputs)
      const { qrels } = await loadSplit(inputs.judgements)
      const theirs = await pytrec(qrels, { file: path.join(result.folder('run'), 'run.trec') })
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

  it('print the same four digits for runs full of ties, grades, negative grades and strange ids', async (context) => {
    context.skip(python === '', problem)
    const random = generator(7)
    // Grades below -1 make pytrec_eval itself write outside its memory.
    const pool = ['1', '10', '2', '9', 'Z', 'a', 'aa', 'é', '\uff5e', '\u{1f600}', '\u{10400}', 'ｚ', '~', '0']
    const levels = [0.5, 0.50000000001, 0.5000001, 1, 1e9, 1e9 + 1, 1e9 + 100, -3, 0]
    const run = new Map<string, Hit[]>()
    const qrels = new Map<string, Map<string, number>>()
    for (let q = 0; q < 400; q++) {
      const hits = pool
        .filter(() => random() < 0.7)
        .map((id) => ({ id, score: levels[Math.floor(random() * levels.length)]! }))
      const judged = pool.filter(() => random() < 0.5).map((id) => [id, Math.floor(random() * 5) - 1] as const)
      if (hits.length > 0) run.set(`q${q}`, hits)
      if (judged.length > 0) qrels.set(`q${q}`, new Map(judged))
    }
    const theirs = await pytrec(qrels, { run })
    const metrics = Object.keys(NAMES).map(parseMetric)
    const ours = [...evaluateRun(run, qrels, metrics)].filter(([query]) => run.has(query))
    expect(ours.length).toBeGreaterThan(390)
    const table = ours.map(([query, row]) => [query, row.map(printed)])
    expect(table).toEqual(ours.map(([query]) => [query, Object.values(NAMES).map((name) => theirs[query]?.[name])]))
  })
})

/** A small linear congruential generator; only these tests depend on it. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
