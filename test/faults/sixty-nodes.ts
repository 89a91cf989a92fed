import { smallProject } from '../rig/small-project.ts'

/** Distinct requests of the pipeline: every passage once for each density. */
export const ROWS = 90
/** Most requests that one engine has in flight: nine nodes that ask, two at a time each. */
export const IN_FLIGHT = 18

/** A pipeline of 60 nodes (passages, requests, stages in threads, commands), with requests that nodes share. */
export function sixtyNodes(endpoint: string): { [path: string]: string } {
  const command = (name: string, inputs: string, run: string): string =>
    `  ${name}:\n    uses: command\n    with: { run: "${run}", inputs: { ${inputs} }, outputs: { out: out.txt } }\n`
  return {
    ...smallProject(endpoint, 30),
    'pipeline.yaml': `version: 1
name: sixty
params: { density: 1, scale: 1.0 }
datasets: { d: { source: data } }
models: { writer: { endpoint: "${endpoint}", model: test-model } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", fraction: "\${params.scale}", seed: 7 } }
  crops: { uses: generate, with: { passages: "\${stages.passages.passages}", crop: { min_words: 2, max_words: 5 } } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.writer}", prompt: prompt.yaml, per_passage: "\${params.density}", concurrency: 2 }
  kept: { uses: filter, with: { pairs: "\${stages.queries.pairs}", steps: [{ length: { min_words: 2 } }] } }
  data: { uses: mix, with: { pairs: [{ from: "\${stages.kept.pairs}" }, { from: "\${datasets.d.train}" }] } }
${command('lines', 'kept: \\"${stages.kept.pairs}\\"'.replaceAll('\\', ''), 'wc -l < kept/pairs.jsonl > out.txt')}${command('words', 'q: "${stages.queries.pairs}"', 'wc -w < q/pairs.jsonl > out.txt')}${command('sums', 'lines: "${stages.lines.out}", words: "${stages.words.out}"', 'cat lines words > out.txt; cksum words >> out.txt')}sweep:
  axes: { density: [1, 2, 3], scale: [0.25, 0.5, 1.0] }
`,
  }
}
