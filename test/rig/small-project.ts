import { createHash } from 'node:crypto'
import type { Reaction, SeenRequest } from './fake-openai.ts'

const SUBJECTS = [
  'harbour',
  'orchard',
  'glacier',
  'library',
  'furnace',
  'meadow',
  'violin',
  'lantern',
  'anchor',
  'kettle',
]
const DETAILS = [
  'opens before dawn',
  'was painted green',
  'needs fresh salt',
  'hums in strong wind',
  'belongs to nobody',
]

/** A collection of so many short passages, half of them with a labelled query in either split. */
function smallCollection(passages: number): { [path: string]: string } {
  const corpus: string[] = []
  const queries: string[] = []
  const train = ['query-id\tcorpus-id\tscore']
  const test = ['query-id\tcorpus-id\tscore']
  for (let i = 0; i < passages; i++) {
    const subject = SUBJECTS[i % SUBJECTS.length]
    const detail = DETAILS[Math.floor(i / SUBJECTS.length) % DETAILS.length]
    const text = `The ${subject} number ${i} ${detail}, and the keeper of place ${i * 7} writes down every visitor.`
    corpus.push(JSON.stringify({ _id: `p${i}`, title: `${subject} ${i}`, text }))
    queries.push(JSON.stringify({ _id: `q${i}`, text: `which ${subject} ${detail} at place ${i * 7}` }))
    if (i % 4 === 0) train.push(`q${i}\tp${i}\t1`)
    if (i % 4 === 2) test.push(`q${i}\tp${i}\t1`)
  }
  return {
    'data/corpus.jsonl': `${corpus.join('\n')}\n`,
    'data/queries.jsonl': `${queries.join('\n')}\n`,
    'data/qrels/train.tsv': `${train.join('\n')}\n`,
    'data/qrels/test.tsv': `${test.join('\n')}\n`,
  }
}

/** The pipeline of the end-to-end tests: every stage type, and a model behind an endpoint. */
export function smallPipeline(endpoint: string, options: { density?: number; fraction?: number } = {}): string {
  return `version: 1
name: small
params:
  density: ${options.density ?? 2}
  fraction: ${options.fraction ?? 0.5}
  minimum: 1
datasets:
  d: { source: data }
models:
  writer: { endpoint: "${endpoint}", model: test-model }
stages:
  passages:
    uses: sample-corpus
    with: { dataset: "\${datasets.d}", fraction: "\${params.fraction}", seed: 7 }
  queries:
    uses: generate
    with:
      passages: \${stages.passages.passages}
      model: \${models.writer}
      prompt: prompt.yaml
      per_passage: \${params.density}
      decoding: { temperature: 0.7, max_tokens: 24 }
      concurrency: 4
  kept:
    uses: filter
    with:
      pairs: \${stages.queries.pairs}
      steps:
        - length: { min_words: "\${params.minimum}", max_words: 30 }
        - round_trip: { top_k: 30 }
  data:
    uses: mix
    with: { pairs: [{ from: "\${stages.kept.pairs}" }, { from: "\${datasets.d.train}" }] }
  retriever:
    uses: train
    with: { data: "\${stages.data.training}", base: "static:random-16", budget: { steps: 20 }, vocabulary_size: 300 }
  scores:
    uses: eval
    with: { model: "\${stages.retriever.model}", dataset: "\${datasets.d}", metrics: [ndcg@10, recall@10] }
  lines:
    uses: command
    with:
      run: "wc -l < pairs/pairs.jsonl > lines.txt"
      inputs: { pairs: "\${stages.kept.pairs}" }
      outputs: { lines: lines.txt }
`
}

export const SMALL_PROMPT = `mode: completion
user: |
  Passage: {{passage}}
  Search query:
stop: ["\\n"]
`

/** All files of the project. */
export function smallProject(endpoint: string, passages = 40): { [path: string]: string } {
  return {
    'pipeline.yaml': smallPipeline(endpoint),
    'prompt.yaml': SMALL_PROMPT,
    ...smallCollection(passages),
  }
}

/** An answer that depends on prompt and seed alone, as that of an ideal model would. */
export function writtenBy({ text, body }: SeenRequest): Reaction {
  const digest = createHash('sha256').update(`${body.seed} ${text}`).digest('hex')
  const words = /The (\w+) number (\d+) (.*?), and/.exec(text)
  return { answer: ` ${words?.[1] ?? 'something'} ${words?.[2] ?? ''} ${words?.[3] ?? ''} ${digest.slice(0, 6)}` }
}
