import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadSplit } from '../../stages/data/split.ts'
import { evaluate } from '../../stages/eval/stage.ts'
import { pythonPackages, pythonRig } from '../rig/python.ts'
import { runStage } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { evalInputs, present } from '../stages/eval/collections.ts'

const PACKAGES = [
  'mteb==2.26.24',
  // What it imports and the environment of training does not have.
  ...['datasets==4.4.1', 'polars==2.1.0', 'polars-runtime-32==2.1.0', 'pytrec_eval-terrier==0.5.11', 'pandas==3.1.1'],
  ...['pyarrow==26.0.1', 'dill==0.4.1', 'multiprocess==0.70.19', 'xxhash==4.1.0', 'python-dateutil==4.0.0'],
  ...[
    'six==1.17.0',
    'httpx==0.28.1',
    'requests==2.34.2',
    'urllib3==2.8.0',
    'certifi==2026.10.19.post1',
    'aiohttp==3.14.5',
  ],
]

const SCRIPT = `
import json, sys
from pathlib import Path
import mteb
from mteb.results import TaskResult
from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores, make_score_dict
result = TaskResult.from_disk(Path(sys.argv[1]))
run = {}
for line in open(sys.argv[2], encoding='utf-8'):
    query, _, passage, _, score, _ = line.split()
    run.setdefault(query, {})[passage] = float(score)
of = calculate_retrieval_scores(run, json.load(open(sys.argv[3])), [1, 3, 5, 10, 20, 100, 1000])
own = make_score_dict(ndcg=of.ndcg, _map=of.map, recall=of.recall, precision=of.precision, mrr=of.mrr, naucs=of.naucs,
    naucs_mrr=of.naucs_mrr, hit_rate=of.hit_rate, task_scores={})
task = mteb.get_task(result.task_name).metadata
print(json.dumps({
    'task': result.task_name, 'score': result.get_score(splits=['test']), 'languages': result.languages,
    'revision': [result.dataset_revision, task.dataset['revision']], 'main': task.main_score,
    'own': {name: round(value, 6) for name, value in own.items() if not name.startswith('nauc')},
}))
`

const execute = promisify(execFile)
const what = 'results that MTEB loads'
const rig = present('scifact') ? await pythonRig(what) : undefined
const packages = rig && (await pythonPackages(PACKAGES, what))

describe.skipIf(!rig || !packages)('the result file of MTEB', () => {
  it('is loaded by mteb, and has the numbers that its own code computes from the run', async () => {
    const inputs = evalInputs('scifact')
    const options = { dataset: { $input: 'dataset' }, retriever: 'bm25', profile: 'mteb', task: 'SciFact' }
    const result = await runStage(evaluate, options, inputs)
    const folder = temporaryFolder()
    const qrels = path.join(folder, 'qrels.json')
    const judged = [...(await loadSplit(inputs.judgements)).qrels]
    writeFileSync(
      qrels,
      JSON.stringify(Object.fromEntries(judged.map(([query, row]) => [query, Object.fromEntries(row)]))),
    )
    const program = path.join(folder, 'load.py')
    writeFileSync(program, SCRIPT)
    const file = path.join(result.folder('scores'), 'mteb-SciFact.json')
    const { stdout } = await execute(rig!.python, [program, file, path.join(result.folder('run'), 'run.trec'), qrels], {
      env: { ...process.env, PYTHONPATH: packages!.folder, HF_HUB_OFFLINE: '1' },
    })
    const loaded = JSON.parse(stdout.trim().split('\n').at(-1)!)
    const [written] = JSON.parse(result.text('scores', 'mteb-SciFact.json')).scores.test
    expect(loaded).toMatchObject({ task: 'SciFact', score: written.main_score, languages: ['eng'], main: 'ndcg_at_10' })
    expect(loaded.revision[0]).toBe(loaded.revision[1])
    const { main_score, hf_subset, languages, ...numbers } = written
    expect(loaded.own).toEqual(numbers)
  })
})
