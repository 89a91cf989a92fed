import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import { bytecodeVariables } from '../../../stages/python/environment.ts'
import { train } from '../../../stages/train/stage.ts'
import { type PythonRig, pythonRig } from '../../rig/python.ts'
import { artifactFrom, artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { DATA, present } from '../eval/collections.ts'
import { cranfieldSpans } from './cranfield-spans.ts'
import { pathInput } from './path-input.ts'

const PASSAGES = 250
const rig = present('cranfield')
  ? await pythonRig('training of transformers needs the Python environment of training')
  : undefined

/** Ranks by SentenceTransformers, and prints nDCG@10 with linear gains as trec_eval computes it. */
const SCRIPT = `
import json, math, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device='cpu')
job = json.load(open(sys.argv[2], encoding='utf-8'))
ids = list(job['passages'])
passages = model.encode_document(list(job['passages'].values()), normalize_embeddings=True)
total = 0
for query, text in job['queries'].items():
    scores = passages @ model.encode_query([text], normalize_embeddings=True)[0]
    ranked = [ids[i] for i in (-scores).argsort(kind='stable')][:10]
    gains = job['qrels'][query]
    dcg = sum(gains.get(one, 0) / math.log2(rank + 2) for rank, one in enumerate(ranked))
    ideal = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:10]))
    total += dcg / ideal
print(total / len(job['queries']))
`

const marker = (name: string): Json => ({ $input: name })
const lines = (file: string): string[] =>
  readFileSync(path.join(DATA, 'cranfield', file), 'utf8')
    .trimEnd()
    .split('\n')

/** The first passages of Cranfield that have a text, the queries that are judged among them, and synthetic pairs. */
function cranfield(): {
  passages: { _id: string; title: string; text: string }[]
  queries: { _id: string; text: string }[]
  qrels: Map<string, Map<string, number>>
  pairs: { anchor: string; positive: string }[]
} {
  const all = lines('corpus.jsonl').map((line) => JSON.parse(line) as { _id: string; title: string; text: string })
  const passages = all.filter(({ text }) => text !== '').slice(0, PASSAGES)
  const there = new Set(passages.map(({ _id }) => _id))
  const qrels = new Map<string, Map<string, number>>()
  for (const line of lines('qrels/test.tsv').slice(1)) {
    const [query = '', passage = '', gain = '0'] = line.split('\t')
    if (there.has(passage) && Number(gain) > 0)
      qrels.set(query, (qrels.get(query) ?? new Map<string, number>()).set(passage, Number(gain)))
  }
  const queries = lines('queries.jsonl')
    .map((line) => JSON.parse(line) as { _id: string; text: string })
    .filter(({ _id }) => qrels.has(_id))
  return { passages, queries, qrels, pairs: cranfieldSpans(64) }
}

describe.skipIf(!rig)('a transformer trained on spans of Cranfield', () => {
  const { services: all, miniLm, python } = rig ?? ({} as PythonRig)
  const { scratch: _, ...services } = all ?? {}

  it.each<[string, { [name: string]: Json }]>([
    ['of random weights', { base: 'random:2x64', vocabulary_size: 1024 }],
    ['all-MiniLM-L6-v2', { base: marker('base') }],
  ])(
    '(%s) is measured in Node as it is in Python',
    async (_name, options) => {
      const { passages, queries, qrels, pairs } = cranfield()
      const qrelsText = ['query-id\tcorpus-id\tscore']
      for (const [query, judged] of qrels) for (const [id, gain] of judged) qrelsText.push(`${query}\t${id}\t${gain}`)
      const dataset = datasetInput({ corpus: passages, name: 'cranfield' })
      const judgements = datasetInput({ queries, qrels: `${qrelsText.join('\n')}\n`, split: 'test', name: 'cranfield' })

      const trained = await runStage(
        train,
        {
          ...{ data: marker('data'), device: 'cpu', budget: { steps: 6 }, batch: 16 },
          max_length: 64,
          prefixes: { query: 'query: ', passage: '' },
          ...options,
        },
        {
          data: artifactInput('training', { 'training.jsonl': pairs }),
          ...('vocabulary_size' in options ? { corpus: dataset } : { base: pathInput(miniLm) }),
        },
        services,
      )
      const measured = await runStage(
        evaluate,
        { model: marker('model'), dataset: marker('dataset'), metrics: ['ndcg@10'] },
        { model: artifactFrom('model', trained.folder('model')), dataset, judgements },
        services,
      )
      const inPython = await scoreInPython(trained, { passages, queries, qrels })
      expect(inPython).toBeGreaterThan(0.05)
      expect(Math.abs(ndcg(measured) - inPython)).toBeLessThan(1e-4)
    },
    900_000,
  )

  async function scoreInPython(
    trained: StageResult,
    { passages, queries, qrels }: Pick<ReturnType<typeof cranfield>, 'passages' | 'queries' | 'qrels'>,
  ): Promise<number> {
    const job = {
      passages: Object.fromEntries(passages.map(({ _id, title, text }) => [_id, `${title} ${text}`.trim()])),
      queries: Object.fromEntries(queries.map(({ _id, text }) => [_id, text])),
      qrels: Object.fromEntries([...qrels].map(([query, judged]) => [query, Object.fromEntries(judged)])),
    }
    const folder = path.dirname(trained.folder('model'))
    writeFileSync(path.join(folder, 'job.json'), JSON.stringify(job))
    const words = ['-s', '-c', SCRIPT, trained.folder('model'), path.join(folder, 'job.json')]
    const env = { ...process.env, ...bytecodeVariables(python) }
    const { stdout } = await promisify(execFile)(python, words, { env })
    return Number(stdout.trim().split('\n').at(-1))
  }
})

function ndcg(measured: StageResult): number {
  return JSON.parse(measured.text('scores', 'scores.json')).metrics['ndcg@10']
}
