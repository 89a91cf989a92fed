import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../../../engine/util/package-root.ts'

/*
 * What asking costs: requests a second through the whole engine (start, sampling, keys, claims, durable rows, outputs)
 * against a bare loop of the openai client, with the same fetch and with the client's own, in the same run; then rows a
 * second from the store. The server answers at once, in a process of its own. `npm run bench:generate -- --help`
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    concurrency: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('options: --requests N (20000) --concurrency N (64) --rounds N (1) --json')
  process.exit(0)
}
const [requests, concurrency, rounds] = [values.requests, values.concurrency, values.rounds].map(Number) as [
  number,
  number,
  number,
]
const here = join(packageRoot, 'test/bench/generate')
const queryloom = join(packageRoot, 'dist/engine/cli/main.js')

interface Run {
  /** Of the whole process. */
  seconds: number
  /** Of the node that asks. */
  node: number
  sent: number
  cached: number
  /** Most memory of the process, in MiB. */
  memory: number
  /** Processor seconds of the process: what a shared machine does not change much. */
  cpu: number
}

/** The words of one passage; with its number in front, each is another. */
const TEXT = 'The bread keeps for three days in a bag and for months in the freezer, sliced. '.repeat(4).trim()

function project(url: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
  mkdirSync(join(folder, 'collection/qrels'), { recursive: true })
  const rows = Array.from({ length: requests }, (_, i) =>
    JSON.stringify({ _id: `p${i}`, title: '', text: `${i} ${TEXT}` }),
  )
  writeFileSync(join(folder, 'collection/corpus.jsonl'), `${rows.join('\n')}\n`)
  writeFileSync(join(folder, 'collection/queries.jsonl'), '{"_id":"q","text":"bread"}\n')
  writeFileSync(join(folder, 'collection/qrels/test.tsv'), 'query-id\tcorpus-id\tscore\nq\tp0\t1\n')
  writeFileSync(join(folder, 'prompt.yaml'), '{mode: completion, user: "Passage: {{text}}\\nQuery:"}\n')
  writeFileSync(
    join(folder, 'pipeline.yaml'),
    `version: 1
name: bench
datasets: { toy: { source: collection } }
models: { stub: { endpoint: "${url}/v1", model: stub } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.toy}", strategy: all } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.stub}", prompt: prompt.yaml, concurrency: ${concurrency} }
`,
  )
  return folder
}

async function run(folder: string, ...words: string[]): Promise<Run> {
  const started = performance.now()
  const child = spawn(process.execPath, [queryloom, 'run', 'pipeline.yaml', '--json', ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const look = watch(child)
  const events = (await textOf(child)).split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  const seconds = (performance.now() - started) / 1000
  const finished = events.at(-1)
  if (finished?.type !== 'run-finished' || finished.status !== 'ok')
    throw new Error(`the run failed: ${JSON.stringify(events.slice(-3))}`)
  const node = events.find((event) => event.type === 'node-finished' && event.node === 'queries')?.seconds ?? 0
  return { seconds, node, sent: finished.requests.sent, cached: finished.requests.cached, ...look() }
}

async function loop(url: string, kind: 'own' | 'default'): Promise<{ seconds: number; cpu: number }> {
  const words = [join(here, 'fixtures/client-loop.ts'), url, String(requests), String(concurrency), kind]
  const child = spawn(process.execPath, ['--import', 'tsx', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const look = watch(child)
  const { seconds } = JSON.parse(await textOf(child))
  return { seconds, cpu: look().cpu }
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  if (status !== 0) throw new Error(`a process ended with status ${status}`)
  return text
}

/** Looks at a process until it has ended; what comes back tells of its memory and processor time. */
function watch({ pid }: ChildProcess): () => { memory: number; cpu: number } {
  let memory = 0
  let cpu = 0
  const looking = setInterval(() => {
    try {
      const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
      memory = Math.max(memory, peak / 1024)
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
      cpu = (Number(fields[11]) + Number(fields[12])) / 100
    } catch {
      // It has ended.
    }
  }, 20)
  return () => {
    clearInterval(looking)
    return { memory, cpu }
  }
}

const stub = spawn(process.execPath, ['--import', 'tsx', join(here, 'fixtures/stub.ts')], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const url = await new Promise<string>((resolve) =>
  stub.stdout.once('data', (chunk: Buffer) => resolve(String(chunk).trim())),
)
const measured = []
try {
  for (let round = 0; round < rounds; round++) {
    const folder = project(url)
    try {
      const bare = await loop(url, 'own')
      const first = await run(folder)
      const bareAfter = await loop(url, 'own')
      const standard = await loop(url, 'default')
      const second = await run(folder, '--force', 'queries')
      if (first.sent !== requests || second.cached !== requests) throw new Error('not all requests were counted')
      const mean = (a: number, b: number): number => (a + b) / 2
      const own = { seconds: mean(bare.seconds, bareAfter.seconds), cpu: mean(bare.cpu, bareAfter.cpu) }
      measured.push({ own, standard, first, second, load: loadavg()[0] })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
} finally {
  stub.kill()
}
if (values.json)
  console.log(JSON.stringify({ requests, concurrency, cores: availableParallelism(), measured }, undefined, 2))
else
  for (const { own, standard, first, second, load } of measured) {
    const rate = (seconds: number): string => `${Math.round(requests / seconds).toLocaleString('en')}/s`.padStart(10)
    const part = (seconds: number): string => `${((100 * own.seconds) / seconds).toFixed(0)} % of the loop`
    const cpu = (used: number): string => `${used.toFixed(1)} s of processor`
    console.log(
      [
        `${requests} requests, ${concurrency} at once, ${availableParallelism()} cores, load ${load?.toFixed(1)}`,
        `  openai client, its own fetch  ${rate(standard.seconds)}, ${cpu(standard.cpu)}`,
        `  openai client, our fetch      ${rate(own.seconds)}, ${cpu(own.cpu)}, ${(standard.seconds / own.seconds).toFixed(2)} x its own fetch`,
        `  whole engine, first run       ${rate(first.seconds)}, ${cpu(first.cpu)}, ${part(first.seconds)}, ${Math.round(first.memory)} MiB`,
        `  the node that asks            ${rate(first.node)}, ${part(first.node)}`,
        `  from the store, the node      ${rate(second.node)}`,
        `  from the store, whole run     ${rate(second.seconds)}, ${cpu(second.cpu)}, ${Math.round(second.memory)} MiB`,
      ].join('\n'),
    )
  }
