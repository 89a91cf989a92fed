import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { pythonRig } from '../../rig/python.ts'
import { isKind, KINDS, openSubject } from './subjects.ts'

/*
 * Texts a second on the CPU, here and in SentenceTransformers: the same texts, the same number of threads, turn by turn in
 * the same run, both with the model loaded. CPU seconds are told too: on a machine that others use they say more than the
 * clock. `npm run bench:encoders -- --help`
 */
const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    kind: { type: 'string', default: 'encoder' },
    texts: { type: 'string', default: '400' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '3' },
    batch: { type: 'string', default: '32' },
    queries: { type: 'string', default: '0.125' },
    help: { type: 'boolean', default: false },
  },
})
const { kind } = values
if (values.help || values.corpus === undefined || !isKind(kind)) {
  console.log(
    [
      `options: --corpus BEIR_FOLDER [--kind ${KINDS.join('|')}] [--texts 400, or pairs] [--threads ALL] [--rounds 3]`,
      '         [--batch 32: of the peer] [--queries 0.125: their share of the texts; a pair has one of them]',
    ].join('\n'),
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
const queries = rows('queries.jsonl').map(({ text }) => text)
const count = Number(values.texts)
// Passages and, one in eight unless told otherwise, queries: as an evaluation has them.
const share = Math.round(count * Number(values.queries))
const texts = [...passages.slice(0, count - share), ...queries.slice(0, share)]
// Each query with several passages: as it is reranked.
const pairs = passages
  .slice(0, count)
  .map((passage, i) => ({ query: queries[Math.floor(i / 8) % queries.length]!, passage }))

const rig = await pythonRig('the bench needs the Python environment of training')
if (!rig) process.exit(1)
const home = mkdtempSync(join(tmpdir(), 'queryloom-bench-'))
process.once('exit', () => rmSync(home, { recursive: true, force: true }))
const [textsFile, resultFile] = [join(home, 'texts.json'), join(home, 'result.bin')]
const data = { texts, pairs }
const subject = await openSubject(kind, data, { rig, home, threads })
writeFileSync(textsFile, JSON.stringify(subject.given))

interface Time {
  wall: number
  cpu: number
}

const program = join(packageRoot, 'test/bench/encoders/sentence_transformers_peer.py')
const peer = spawn(rig.python, ['-s', program, kind, subject.folder, textsFile, resultFile, String(threads)], {
  stdio: ['pipe', 'pipe', 'inherit'],
  env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'true', OMP_NUM_THREADS: String(threads) },
})
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()
const answer = async (): Promise<Time> => JSON.parse((await answers.next()).value as string) as Time
await answer()

// All once, so that each thread has loaded its graph and code is compiled.
let result = await subject.run()
async function ours(): Promise<Time> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  result = await subject.run()
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
await subject.close()
peer.stdin.end()

const bytes = readFileSync(resultFile)
const agreement = subject.agreement(result, new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4))
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!
const of = (who: 'ours' | 'theirs', what: 'wall' | 'cpu'): number => median(times[who].map((time) => time[what]))
const unit = kind === 'cross-encoder' ? 'pairs' : 'texts'
const rate = (who: 'ours' | 'theirs'): string =>
  `${(count / of(who, 'wall')).toFixed(1)} ${unit}/s, ${of(who, 'cpu').toFixed(2)} CPU s`
console.log(
  [
    `${kind}: ${count} ${unit}, ${threads} threads, medians of ${values.rounds} rounds, load ${loadavg()[0]!.toFixed(1)}`,
    `here                 ${rate('ours')}`,
    `SentenceTransformers ${rate('theirs')}`,
    `ratio                ${(of('theirs', 'wall') / of('ours', 'wall')).toFixed(2)} by the clock, ${(of('theirs', 'cpu') / of('ours', 'cpu')).toFixed(2)} by CPU seconds`,
    agreement,
  ].join('\n'),
)
