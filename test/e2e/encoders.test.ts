import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkEmbeddings, embeddingFolders } from '../../cache/embedding-check.ts'
import { folderDigest } from '../rig/folder-digest.ts'
import { type Ended, ended, Project } from '../rig/project.ts'
import { interruptAgain, waitFor } from '../rig/wait-for.ts'
import { tinyTransformer } from '../stages/encoders/tiny-transformer.ts'

const pipelineOf = (digest: string, block: string): string => `version: 1
name: encoders
datasets:
  toy: { source: data }
models:
  tiny:
    encoder: onnx
    source: models/e5-small
    sha256: ${digest}
    ${block}
stages:
  scores:
    uses: eval
    with: { model: "\${models.tiny}", dataset: "\${datasets.toy}", metrics: [ndcg@10] }
`

interface Setup {
  project: Project
  /** Writes the pipeline with one more member of the encoder's block. */
  write(block: string): void
  /** Rows of all embeddings. */
  embedded(): number
}

function setup(block = '', texts: readonly string[] = ['cat', 'dog', 'cat dog'], slow = 0): Setup {
  const model = tinyTransformer({ cat: [6, 3], dog: [0, 9], query: [3, 3], ':': [3, 0] }, {}, slow)
  const digest = folderDigest(model)
  const corpus = texts.map((text, i) => `${JSON.stringify({ _id: `d${i}`, text })}\n`)
  const project = new Project({
    'pipeline.yaml': pipelineOf(digest, block),
    'data/corpus.jsonl': corpus.join(''),
    'data/queries.jsonl': `${JSON.stringify({ _id: 'q', text: 'cat' })}\n`,
    'data/qrels/test.tsv': 'query-id\tcorpus-id\tscore\nq\td0\t1\n',
  })
  cpSync(model, join(project.folder, 'models/e5-small'), { recursive: true })
  return {
    project,
    write: (other) => project.write('pipeline.yaml', pipelineOf(digest, other)),
    embedded: () =>
      embeddingFolders(join(project.folder, '.queryloom/embeddings')).reduce(
        (sum, { path, segments }) =>
          sum + segments.reduce((rows, name) => rows + checkEmbeddings(join(path, name), 2).good, 0),
        0,
      ),
  }
}

test('an encoder of the pipeline is measured by the conventions of its family; other query prefixes encode queries only', async () => {
  const { project, write, embedded } = setup()
  const first = await project.run('pipeline.yaml')
  expect(first.executed).toEqual(['scores'])
  const scores = readFileSync(join(project.folder, 'out/pipeline/scores/scores/scores.json'), 'utf8')
  expect(JSON.parse(scores)).toMatchObject({
    retriever: { kind: 'transformer', conventions: 'e5', prefixes: { query: 'query: ', passage: 'passage: ' } },
  })
  expect(embedded()).toBe(3 + 1)
  write('prefixes: { query: "dog ", passage: "passage: " }\n    conventions: none')
  expect((await project.run('pipeline.yaml')).executed).toEqual(['scores'])
  expect(embedded()).toBe(3 + 1 + 1)
  // What only tells where it is computed changes nothing.
  write('device: cpu')
  expect((await project.run('pipeline.yaml')).restored).toEqual(['scores'])
})

test.each([
  [
    'prefixes: { query: "" }',
    'an encoder of the family e5 is used with the query prefix "", and was trained with "query: "',
  ],
  ['slots: 3', '`slots` does not belong to a model with `encoder`'],
  ['serve: llama.cpp', '`serve` and `encoder` exclude each other'],
  ['conventions: e6', 'conventions'],
])('%s is refused before anything runs', async (block, message) => {
  const { project } = setup(block)
  const { status, stderr, stdout } = await project.call('validate', 'pipeline.yaml')
  expect(status).toBe(2)
  expect(stderr + stdout).toContain(message)
  expect(stderr + stdout).toContain('pipeline.yaml:')
})

test('a card is asked for where there is none: nothing runs, and the place in the pipeline is told', async () => {
  const { project } = setup('device: cuda')
  const { status, stderr } = await project.call('run', 'pipeline.yaml')
  expect(status).toBe(2)
  expect(stderr).toContain('pipeline.yaml:10')
  expect(stderr).toMatch(/no CUDA provider|1 graphics card/)
})

test('a folder with other bytes than the pipeline says is not used', async () => {
  const { project, embedded } = setup()
  project.write('models/e5-small/config.json', '{"hidden_size":2,"max_position_embeddings":4}')
  const { status, stderr } = await project.call('run', 'pipeline.yaml')
  expect(status).toBe(1)
  expect(stderr).toContain('has another digest than the pipeline says')
  expect(embedded()).toBe(0)
})

const MANY = Array.from({ length: 1500 }, (_, i) => `${'cat '.repeat(i % 60)}${'dog '.repeat(1 + Math.floor(i / 60))}`)

/** A run that gets Ctrl-C, once or twice, as soon as so many rows are there. */
async function interrupted(
  slow: number,
  rows: number,
  times: 1 | 2,
): Promise<Setup & Ended & { signal: NodeJS.Signals | null }> {
  for (;;) {
    const made = setup('', MANY, slow)
    const child = made.project.start('run', 'pipeline.yaml')
    const stopping = new Promise((resolve) => {
      child.stderr?.on('data', (text) => String(text).includes('stopping') && resolve(undefined))
      child.once('close', resolve)
    })
    const end = ended(child)
    await waitFor(() => made.embedded() >= rows)
    child.kill('SIGINT')
    if (times === 2) {
      await stopping
      await interruptAgain(child)
    }
    const result = await end
    // One that was through before it heard of it is no interrupted one.
    if (result.status !== 0) return { ...made, ...result, signal: child.signalCode }
  }
}

test('Ctrl-C stops an evaluation between batches of its encoder; what was encoded is not computed again', async () => {
  const { project, embedded, status, stderr } = await interrupted(500, 100, 1)
  expect(status, stderr).toBe(130)
  expect(stderr).toContain('interrupted')
  const before = embedded()
  expect(before).toBeLessThan(MANY.length)
  expect((await project.run('pipeline.yaml')).executed).toEqual(['scores'])
  expect(embedded()).toBe(MANY.length + 1)
})

test('a second Ctrl-C while the encoder computes ends the run at once and in order', async () => {
  const { status, signal, stderr } = await interrupted(1500, 1, 2)
  // By the signal itself where a batch takes longer than anybody waits.
  expect([130, null]).toContain(status)
  expect(signal ?? status).toBe(status ?? 'SIGINT')
  expect(stderr).toContain('interrupted')
  expect(stderr).not.toMatch(/terminate called|Napi|bug of queryloom/)
})
