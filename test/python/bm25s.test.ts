import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { readCorpus } from '../../stages/data/beir.ts'
import { corpusOf } from '../../stages/data/inputs.ts'
import { loadSplit } from '../../stages/data/split.ts'
import { evaluate } from '../../stages/eval/stage.ts'
import { parseMetric } from '../../stages/retrieval/metric-name.ts'
import { evaluateRun, meansOf } from '../../stages/retrieval/metrics.ts'
import { ANALYZERS, analyze } from '../../stages/text/analyze.ts'
import { type PythonPackages, pythonPackages } from '../rig/python.ts'
import { runStage } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { evalInputs, present } from '../stages/eval/collections.ts'

const PACKAGES = ['bm25s==0.3.16', 'numpy==2.4.6']

const SCRIPT = `
import json, sys
import bm25s
given = json.load(open(sys.argv[1], encoding='utf-8'))
index = bm25s.BM25(method='lucene', k1=0.9, b=0.4)
index.index(given['passages'], show_progress=False)
found, scores = index.retrieve(given['queries'], k=min(1000, len(given['passages'])), show_progress=False)
print(json.dumps([[[int(p), float(s)] for p, s in zip(*row) if s > 0] for row in zip(found, scores)]))
`

const execute = promisify(execFile)
let packages: PythonPackages | undefined

beforeAll(async () => {
  packages = await pythonPackages(PACKAGES, 'equality with bm25s')
})

describe('BM25 and that of bm25s, method lucene, over the same terms', () => {
  it.for(['scifact', 'cranfield'])('score alike on %s', async (name, context) => {
    if (!present(name) || !packages) return context.skip()
    const inputs = evalInputs(name)
    const english = ANALYZERS['lucene-english']
    const ids: string[] = []
    const passages: string[][] = []
    for await (const { _id, title, text } of readCorpus(corpusOf(inputs.dataset))) {
      ids.push(_id)
      passages.push(analyze(english, `${title}\n${text}`))
    }
    const { queries, qrels } = await loadSplit(inputs.judgements)
    const folder = temporaryFolder()
    const input = path.join(folder, 'input.json')
    writeFileSync(
      input,
      JSON.stringify({ passages, queries: [...queries.values()].map((text) => analyze(english, text)) }),
    )
    const program = path.join(folder, 'search.py')
    writeFileSync(program, SCRIPT)
    const { stdout } = await execute(packages.tools.python, [program, input], {
      maxBuffer: 1 << 28,
      env: { ...process.env, PYTHONPATH: packages.folder },
    })
    const found: [number, number][][] = JSON.parse(stdout)
    const run = new Map(
      [...queries.keys()].map((query, i) => [query, found[i]!.map(([at, score]) => ({ id: ids[at]!, score }))]),
    )
    const names = ['ndcg@10', 'recall@100']
    const metrics = names.map(parseMetric)
    const theirs = meansOf(evaluateRun(run, qrels, metrics).values(), qrels.size, metrics)

    const options = { dataset: { $input: 'dataset' }, metrics: names, retriever: { bm25: { lengths: 'exact' } } }
    const ours = JSON.parse((await runStage(evaluate, options, inputs)).text('scores', 'scores.json')).metrics
    for (const [i, metric] of names.entries()) expect(Math.abs(ours[metric] - theirs[i]!)).toBeLessThan(0.001)
  })
})
