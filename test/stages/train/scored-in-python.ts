import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { bytecodeVariables } from '../../../stages/python/environment.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { DATA } from '../eval/collections.ts'

/** Ranks by SentenceTransformers, and prints nDCG@10 with linear gains as trec_eval computes it, of each model. */
const SCRIPT = `
import json, math, sys
from sentence_transformers import SentenceTransformer
job = json.load(open(sys.argv[1], encoding='utf-8'))
ids = list(job['passages'])
scored = []
for folder in sys.argv[2:]:
    model = SentenceTransformer(folder, device='cpu')
    passages = model.encode_document(list(job['passages'].values()), normalize_embeddings=True)
    total = 0
    for query, text in job['queries'].items():
        scores = passages @ model.encode_query([text], normalize_embeddings=True)[0]
        ranked = [ids[i] for i in (-scores).argsort(kind='stable')][:10]
        gains = job['qrels'][query]
        dcg = sum(gains.get(one, 0) / math.log2(rank + 2) for rank, one in enumerate(ranked))
        ideal = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:10]))
        total += dcg / ideal
    scored.append(total / len(job['queries']))
print(json.dumps(scored))
`

/** A collection in memory; `qrels` by query, then by passage. */
export interface SmallCollection {
  passages: { _id: string; title: string; text: string }[]
  queries: { _id: string; text: string }[]
  qrels: Map<string, Map<string, number>>
}

/** The first passages of Cranfield that have a text, and the queries that are judged among them. */
export function smallCranfield(size: number): SmallCollection {
  const lines = (file: string): string[] =>
    readFileSync(path.join(DATA, 'cranfield', file), 'utf8')
      .trimEnd()
      .split('\n')
  const all = lines('corpus.jsonl').map((line) => JSON.parse(line) as { _id: string; title: string; text: string })
  const passages = all.filter(({ text }) => text !== '').slice(0, size)
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
  return { passages, queries, qrels }
}

/** nDCG@10 of model folders, by SentenceTransformers in one process. */
export async function scoredInPython(
  python: string,
  { passages, queries, qrels }: SmallCollection,
  models: readonly string[],
): Promise<number[]> {
  const job = {
    passages: Object.fromEntries(passages.map(({ _id, title, text }) => [_id, `${title} ${text}`.trim()])),
    queries: Object.fromEntries(queries.map(({ _id, text }) => [_id, text])),
    qrels: Object.fromEntries([...qrels].map(([query, judged]) => [query, Object.fromEntries(judged)])),
  }
  const file = path.join(temporaryFolder(), 'job.json')
  writeFileSync(file, JSON.stringify(job))
  const env = { ...process.env, ...bytecodeVariables(python) }
  const { stdout } = await promisify(execFile)(python, ['-s', '-c', SCRIPT, file, ...models], { env })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as number[]
}
