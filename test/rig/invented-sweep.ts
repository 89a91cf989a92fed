import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { surveyMachine } from '../../engine/run/machine.ts'
import { runPlan } from '../../engine/run/run.ts'
import { makePlan, openSession } from '../../engine/session.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import type { AnyStageDefinition, Json, Registry, StageContext, StageSummary } from '../../stages/define.ts'
import { registry } from '../../stages/registry.ts'

/** How large an invented sweep is, and what stands in its texts. */
export interface InventedSweep {
  scales: readonly number[]
  densities: readonly number[]
  generators: readonly string[]
  seeds: number
  queries: number
  /** Put into passages, queries and the description. */
  text?: string
}

/** The pipeline of an invented sweep, with all that the report has a figure for. */
function pipelineOf({ scales, densities, generators, seeds, text = 'invented' }: InventedSweep): string {
  const models = generators.map((name) => `  ${name}: { endpoint: "http://127.0.0.1:9/v1", model: ${name} }\n`).join('')
  const axis = generators.map((name) => `${name}: "\${models.${name}}"`).join(', ')
  return `version: 1
name: sweep
description: ${JSON.stringify(text)}
params: { scale: 1.0, density: 1, generator: "\${models.${generators[0]}}", train_seed: 1 }
datasets: { d: { source: data } }
models:
${models}stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", fraction: "\${params.scale}" } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${params.generator}", prompt: prompt.yaml, per_passage: "\${params.density}" }
  kept:
    uses: filter
    with: { pairs: "\${stages.queries.pairs}", steps: [{ length: { min_words: 2 } }, { duplicate: {} }, { round_trip: { top_k: 20 } }] }
  data: { uses: mix, with: { pairs: [{ from: "\${stages.kept.pairs}" }] } }
  retriever:
    uses: train
    with: { data: "\${stages.data.training}", base: "static:random-16", budget: { steps: 300 }, seed: "\${params.train_seed}" }
  scores: { uses: eval, with: { model: "\${stages.retriever.model}", dataset: "\${datasets.d}", metrics: [ndcg@10, recall@100] } }
  bm25: { uses: eval, with: { retriever: bm25, dataset: "\${datasets.d}", metrics: [ndcg@10, recall@100] } }
  analysis:
    uses: analysis
    with:
      systems:
        - { label: BM25, scores: "\${stages.bm25.scores}", baseline: true }
        - { label: augmented, scores: "\${stages.scores.scores[*]}", curve: "\${stages.retriever.curve[*]}", ladder: { of: BM25, rung: full } }
      metrics: [ndcg@10, recall@100]
      plateau: { axis: scale, delta: 0.01 }
sweep:
  axes: { scale: [${scales.join(', ')}], density: [${densities.join(', ')}], generator: { ${axis} } }
  replicates: { train_seed: [${Array.from({ length: seeds }, (_, i) => i + 1).join(', ')}] }
report: { metrics: [ndcg@10, recall@100], baseline: bm25, x: scale, series: generator, labels: { bm25: BM25, scores: augmented } }
`
}

/** Writes the project of an invented sweep and runs it through the engine and a store; only what stages do is made up. */
export async function inventSweep(folder: string, sweep: InventedSweep): Promise<{ file: string; nodes: number }> {
  const { text = 'invented' } = sweep
  const put = (path: string, content: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const rows = Array.from({ length: sweep.queries }, (_, i) => i)
  put('sweep.yaml', pipelineOf(sweep))
  put('prompt.yaml', `mode: completion\nuser: |\n  ${text.replace(/\s+/g, ' ')}\n  {{passage}}\n`)
  put('data/corpus.jsonl', lines(rows.map((i) => ({ _id: `p${i}`, title: text, text: `${text} ${i}` }))))
  put('data/queries.jsonl', lines(rows.map((i) => ({ _id: `q${i}`, text: `${text} ${i}` }))))
  put('data/qrels/test.tsv', `query-id\tcorpus-id\tscore\n${rows.map((i) => `q${i}\tp${i}\t1\n`).join('')}`)
  const file = join(folder, 'sweep.yaml')
  const { session, diagnostics } = await openSession({ file, registry: invented(sweep), cwd: folder })
  if (!session) throw new Error(JSON.stringify(diagnostics, null, 1))
  try {
    const plan = await makePlan(session)
    const failed: string[] = []
    const run = await runPlan(session, plan, {
      machine: await surveyMachine({ cards: false }),
      onEvent: (event) => {
        if (event.type === 'node-failed') failed.push(JSON.stringify(event))
      },
    })
    if (run.status !== 'ok') throw new Error(`the sweep failed: ${failed[0]}`)
    return { file, nodes: plan.nodes.length }
  } finally {
    await session.close()
  }
}

type Facts = { scale: number; density: number; generator: string; seed: number }

/** The stages as they are, but for what they do when they run: the keys of their nodes are the real ones. */
function invented(sweep: InventedSweep): Registry {
  const act = (name: string, run: (context: StageContext<never>, facts: Facts) => StageSummary): AnyStageDefinition =>
    ({
      ...registry.stages[name],
      thread: 'main',
      run: async (context: StageContext<never>) => run(context, factsOf(context.node)),
    }) as AnyStageDefinition
  const size = ({ scale }: Facts): number => Math.round(sweep.queries * scale)
  return {
    ...registry,
    stages: {
      ...registry.stages,
      'sample-corpus': act('sample-corpus', ({ outputs }, facts) => {
        write(outputs.passages!, 'passages.jsonl', lines(passages(sweep, size(facts))))
        return { counts: { read: sweep.queries, passages: size(facts) } }
      }),
      generate: act('generate', ({ outputs }, facts) => {
        writePairs(outputs.pairs!, sweep, size(facts), facts)
        const n = size(facts) * facts.density
        const spread = 0.3 + 0.4 / Math.sqrt(facts.density) + 0.02 * sweep.generators.indexOf(facts.generator)
        const words = { n, min: 2, p25: 5, p50: 7, p75: 9, p95: 13, max: 21, mean: 7.2 }
        return {
          counts: { passages: size(facts), pairs: n, unparsed: 0, refused: 0, failed: 0 },
          details: {
            diversity: {
              passages: size(facts),
              of_passages: size(facts),
              queries: n,
              distinct_1: spread / 2,
              distinct_2: spread,
              self_bleu: 0.8 - spread,
              within_passage: null,
              words,
              content_words: words,
            },
          },
        }
      }),
      filter: act('filter', ({ outputs }, facts) => {
        writePairs(outputs.pairs!, sweep, size(facts), facts)
        writePairs(outputs.rejected!, sweep, 1, facts)
        const n = size(facts) * facts.density
        const steps: Json[] = []
        let left = n
        for (const [i, step] of ['length', 'duplicate', 'round_trip'].entries()) {
          const dropped = Math.round(left * [0.03, 0.02 * facts.density, 0.2][i]!)
          left -= dropped
          steps.push({ step, kept: left, dropped, score: null })
        }
        return { counts: { pairs: n, kept: left, rejected: n - left }, details: { steps, effective_density: 1 } }
      }),
      mix: act('mix', ({ outputs }, facts) => {
        write(outputs.training!, 'training.jsonl', `${JSON.stringify(facts)}\n`)
        write(outputs.dev!, 'training.jsonl', '')
        return { counts: { pairs: size(facts) * facts.density, training: size(facts) * facts.density } }
      }),
      train: act('train', ({ outputs }, facts) => {
        write(outputs.model!, 'queryloom.json', JSON.stringify(facts))
        write(outputs.curve!, 'curve.jsonl', '{"step":300,"loss":0.1}\n')
        return { counts: { steps: 300 }, details: { batch: 32, learning_rate: 0.03, epochs: 2, loss: 0.1 } }
      }),
      eval: act('eval', ({ outputs, node }, facts) => {
        writeScores(outputs.scores!, sweep, facts, node.startsWith('bm25'))
        write(outputs.run!, 'run.trec', `${node} q0 p0 1 1 x\n`)
        return { counts: { queries: sweep.queries } }
      }),
    },
  }
}

function factsOf(node: string): Facts {
  const of = (axis: string): string | undefined => new RegExp(`[[,]${axis}=([^,\\]]+)`).exec(node)?.[1]
  const number = (axis: string): number => Number(of(axis) ?? 1)
  return {
    scale: number('scale'),
    density: number('density'),
    generator: of('generator') ?? '',
    seed: number('train_seed'),
  }
}

function passages({ text = 'invented' }: InventedSweep, n: number): object[] {
  return Array.from({ length: n }, (_, i) => ({
    _id: `p${i}`,
    doc_id: `p${i}`,
    title: text,
    text: `${text} passage ${i}, which is as long as passages of collections mostly are: a few sentences on one subject.`,
  }))
}

function writePairs(folder: string, sweep: InventedSweep, n: number, { density, generator }: Facts): void {
  const rows = Array.from({ length: n * density }, (_, i) => ({
    _id: `p${Math.floor(i / density)}-${i % density}`,
    passage_id: `p${Math.floor(i / density)}`,
    query: `${sweep.text ?? 'invented'} query ${i} by ${generator}`,
    sample: i % density,
  }))
  write(folder, 'pairs.jsonl', lines(rows))
  write(folder, 'passages.jsonl', lines(passages(sweep, n)))
}

// More of the corpus helps up to a point, density less so; the last generator finds more and ranks it worse.
function writeScores(folder: string, sweep: InventedSweep, facts: Facts, bm25: boolean): void {
  const { scale, density, generator, seed } = facts
  const at = sweep.generators.indexOf(generator)
  const gain = bm25 ? 0 : 0.12 * (1 - Math.exp(-5 * scale)) + 0.02 * Math.log2(density) + 0.01 * at - 0.06
  const fails = !bm25 && sweep.generators.length > 1 && at === sweep.generators.length - 1
  const luck = random(1000 * scale + 100 * density + 10 * at + seed)
  const drift = bm25 ? 0 : (luck() - 0.5) * 0.01
  const rows = Array.from({ length: sweep.queries }, (_, q) => {
    const ease = 0.15 + 0.6 * random(q)()
    const noise = (luck() - 0.5) * 0.1
    const clamp = (value: number): number => Math.min(1, Math.max(0, value))
    const ndcg = clamp(ease + (fails ? -0.05 : gain) + drift + noise)
    const recall = clamp(ease + 0.2 + (fails ? 0.08 : gain) + drift + noise)
    return { query_id: `q${q}`, metrics: { 'ndcg@10': ndcg, 'recall@100': recall } }
  })
  const mean = (metric: 'ndcg@10' | 'recall@100'): number =>
    rows.reduce((sum, { metrics }) => sum + metrics[metric], 0) / rows.length
  write(folder, 'queries.jsonl', lines(rows))
  const scores = {
    schema: 1,
    profile: 'trec9',
    split: 'test',
    top_k: 1000,
    retriever: { kind: bm25 ? 'bm25' : 'static' },
    queries: rows.length,
    metrics: { 'ndcg@10': mean('ndcg@10'), 'recall@100': mean('recall@100') },
    warnings: [],
  }
  write(folder, 'scores.json', JSON.stringify(scores))
}

function random(seed: number): () => number {
  const stream = seededRandom(seed)
  return () => stream.bits() / 2 ** 32
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}
