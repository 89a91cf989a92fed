import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { ended, Project } from '../rig/project.ts'

const ROWS = process.env.QUERYLOOM_SOAK === '1' ? 20_000 : 4_000
const KILLS = 10
const CONCURRENCY = 32

/** A server in a process of its own, so that the kills meet an engine at full speed; it counts. */
async function startStub(): Promise<{ url: string; count(): Promise<number> }> {
  const program = join(packageRoot, 'test/bench/generate/fixtures/stub.ts')
  const stub = spawn(process.execPath, ['--import', 'tsx', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void stub.kill('SIGKILL'))
  const url = await new Promise<string>((resolve) =>
    stub.stdout.once('data', (bytes: Buffer) => resolve(String(bytes).trim())),
  )
  return { url, count: async () => Number(await (await fetch(`${url}/count`)).text()) }
}

function generation(url: string): Project {
  const corpus = Array.from({ length: ROWS }, (_, i) =>
    JSON.stringify({ _id: `p${i}`, title: '', text: `passage ${i}` }),
  )
  return new Project({
    'collection/corpus.jsonl': `${corpus.join('\n')}\n`,
    'collection/queries.jsonl': '{"_id":"q","text":"bread"}\n',
    'collection/qrels/test.tsv': 'query-id\tcorpus-id\tscore\nq\tp0\t1\n',
    'prompt.yaml': '{mode: completion, user: "Passage: {{text}}\\nQuery:"}\n',
    'pipeline.yaml': `version: 1
name: kills
datasets: { toy: { source: collection } }
models: { stub: { endpoint: "${url}/v1", model: stub } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.toy}", strategy: all } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.stub}", prompt: prompt.yaml, concurrency: ${CONCURRENCY} }
`,
  })
}

test(`${KILLS} SIGKILLs at random points of ${ROWS} requests cost no more than what was in flight each time`, {
  timeout: 900_000,
}, async () => {
  const stub = await startStub()
  const project = generation(stub.url)
  const random = seededRandom(6)
  const points = Array.from({ length: KILLS }, () => 1 + random.below(ROWS - 1)).sort((a, b) => a - b)
  const paid: number[] = []
  for (const point of points) {
    const child = project.start('run', 'pipeline.yaml', '--json')
    const end = ended(child)
    let isOver = false
    void end.then(() => {
      isOver = true
    })
    while (!isOver && (await stub.count()) < point) await new Promise((resolve) => setTimeout(resolve, 2))
    child.kill('SIGKILL')
    await end
    paid.push(await stub.count())
  }
  // Also where the last one was through before its kill came.
  const last = await project.run('pipeline.yaml', '--force', 'queries')
  expect(last.finished).toMatchObject({ status: 'ok', requests: { failed: 0 } })
  const total = await stub.count()
  expect(total).toBeGreaterThanOrEqual(ROWS)
  expect(total).toBeLessThanOrEqual(ROWS + KILLS * CONCURRENCY)
  expect(last.finished.requests.sent + last.finished.requests.cached).toBe(ROWS)
  console.log(
    `${KILLS} kills of ${ROWS} rows: ${total - ROWS} requests sent twice (at most ${KILLS * CONCURRENCY}); killed at ${paid.join(', ')}`,
  )
})
