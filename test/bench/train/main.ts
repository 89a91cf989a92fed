import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { learnTokenizer } from '../../../stages/train/corpus-tokenizer.ts'
import { scheduleFor } from '../../../stages/train/schedule.ts'
import { pythonRig } from '../../rig/python.ts'
import { readCollection } from './collection.ts'
import { meanAndSd, median, table } from './figures.ts'
import { loadOwn, trainOwn } from './own.ts'

/**
 * The static trainer beside SentenceTransformers' StaticEmbedding with MultipleNegativesRankingLoss: the same rows,
 * tokenizer, batch, steps and machine, in turns. Both clocks run from texts to the trained table.
 *   npm run bench:train -- FOLDER [SEEDS] [SEEDS THAT THE PEER HAS TOO]
 */
const [folder = '../shared/data/scifact', count = '5', peers = count] = process.argv.slice(2)
const SEEDS = Array.from({ length: Number(count) }, (_, i) => i + 1)
const DIMENSIONS = 256

interface Turn {
  seconds: number
  ndcg: number
}

const execute = promisify(execFile)
const rig = await pythonRig('the peer')
if (!rig) process.exit(1)
const home = mkdtempSync(path.join(tmpdir(), 'queryloom-bench-train-'))
const collection = await readCollection(folder)
const rows = collection.pairs(await collection.judged('train'))
const test = await collection.judged('test')
const rowsFile = path.join(home, 'training.jsonl')
writeFileSync(rowsFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
const hooks = { signal: new AbortController().signal, progress: () => {} }
const tokenizer = await learnTokenizer([collection.corpus], undefined, hooks)
const schedule = scheduleFor(rows.length, { budget: { steps: 200 } })
const { batch, steps } = schedule

/** Ours, and the one of their own recipe for static models. */
const PEER_RATES = [schedule.learningRate, 0.2]

async function ours(seed: number): Promise<Turn & { folder: string }> {
  const out = path.join(home, `own-${seed}`)
  const seconds = await trainOwn(out, rowsFile, tokenizer, schedule, { dimensions: DIMENSIONS, seed })
  return { seconds, ndcg: await scoreOf(out), folder: out }
}

async function theirs(seed: number, learning_rate: number, like: string): Promise<Turn> {
  const out = path.join(home, `peer-${seed}-${learning_rate}`)
  cpSync(like, out, { recursive: true })
  const plan = {
    ...{ seed, learning_rate, steps, batch, rows: rowsFile, dimensions: DIMENSIONS },
    tokenizer: path.join(like, 'tokenizer.json'),
    out: path.join(out, 'model.safetensors'),
  }
  const script = path.join(import.meta.dirname, 'static_peer.py')
  const { stdout } = await execute(rig!.python, ['-s', script, JSON.stringify(plan)])
  const { seconds } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { seconds: number }
  return { seconds, ndcg: await scoreOf(out) }
}

async function scoreOf(model: string): Promise<number> {
  return collection.score(await loadOwn(model), test)
}

console.log(
  `${rows.length} rows, batch ${batch}, ${steps} steps, ${DIMENSIONS} dimensions; ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} at the start`,
)
/** A bench of this length says how far it is. */
const tell = (who: string, seed: number, { seconds, ndcg }: Turn): void =>
  console.error(`${who}, seed ${seed}: nDCG@10 ${ndcg.toFixed(4)}, ${seconds.toFixed(1)} s`)
const own: Turn[] = []
const peer = new Map<number, Turn[]>(PEER_RATES.map((rate) => [rate, []]))
const ratios: number[] = []
for (const seed of SEEDS) {
  const turn = await ours(seed)
  own.push(turn)
  tell('queryloom', seed, turn)
  if (seed > Number(peers)) continue
  for (const [rate, turns] of peer) {
    const other = await theirs(seed, rate, turn.folder)
    turns.push(other)
    tell(`SentenceTransformers, learning rate ${rate.toPrecision(2)}`, seed, other)
    ratios.push(other.seconds / turn.seconds)
  }
}
const line = (who: string, rate: number, turns: readonly Turn[]): string[] => [
  who,
  rate.toPrecision(2),
  String(Math.round((steps * batch) / median(turns.map(({ seconds }) => seconds)))),
  meanAndSd(turns.map(({ ndcg }) => ndcg)),
  String(turns.length),
]
console.log(
  table(
    ['trainer', 'learning rate', 'rows/s', `nDCG@10, mean (SD)`, 'seeds'],
    [
      line('queryloom', schedule.learningRate, own),
      ...[...peer].map(([rate, turns]) => line('SentenceTransformers', rate, turns)),
    ],
  ),
)
console.log(`their time ÷ ours: median ${median(ratios).toFixed(2)}, least ${Math.min(...ratios).toFixed(2)}`)
rmSync(home, { recursive: true, force: true })
