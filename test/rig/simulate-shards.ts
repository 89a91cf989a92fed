import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openRowStore } from '../../cache/row-store.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { Passage } from '../../stages/data/rows.ts'
import type { ServiceContext, StageInput } from '../../stages/define.ts'
import type { GenerateOptions } from '../../stages/generate/options.ts'
import { parsePrompt } from '../../stages/generate/prompt/prompt.ts'
import { requestSetup } from '../../stages/generate/request-setup.ts'
import { answerInShards } from '../../stages/generate/shards/answer-in-shards.ts'
import { generate } from '../../stages/generate/stage.ts'
import { ClusterInTime, type ClusterOptions } from './cluster-in-time.ts'
import { checkedOptions } from './stage.ts'

/** A generation on a cluster that is simulated, with everything else as it is. */
export interface SimulationOptions extends Omit<ClusterOptions, 'folder'> {
  folder: string
  passages: number
  perPassage: number
  /** Rows of a shard in the mean, and of an array. */
  shard: number
  array: number
}

/** What it came to. */
export interface SimulationFigures {
  rows: number
  /** Requests that tasks sent, as they tell. */
  sent: number
  arrays: number
  submissions: number
  polls: number
  /** Looks at the files of one shard. */
  looks: number
  lost: number
  /** Files that were made for shards, and the most that were there at once. */
  files: number
  filesAtOnce: number
  /** Of the row store. */
  storeBytes: number
  /** Of the cluster's time. */
  hours: number
  /** Seconds of the processor that the controller took, the cluster's own left out. */
  cpuSeconds: number
  /** Most memory of the process, the cluster's own included. */
  rssMiB: number
}

const WORDS = 'a study of how passages differ in what they tell and to whom each of them may be of use when read'.split(
  ' ',
)

/** Runs it: real cutting, claims, watching, reading and storing, under a clock that nobody waits for. */
export async function simulateShards(options: SimulationOptions): Promise<SimulationFigures> {
  const { folder, passages: count, perPassage } = options
  const cluster = new ClusterInTime({ ...options, folder: join(folder, 'shards') })
  const rows = openRowStore(join(folder, 'rows'))
  const prompt = parsePrompt(
    readFileSync(join(packageRoot, 'pipelines/prompts/few-shot.yaml'), 'utf8'),
    'few-shot.yaml',
  )
  if ('problems' in prompt) throw new Error('the prompt does not parse')
  const llm = { type: 'llm', name: 'big', model: { serve: 'vllm', source: 'm' }, folder: '/', identity: { model: 'm' } }
  const inputs = { model: llm, prompt: { type: 'prompt', path: 'few-shot.yaml', value: prompt.value } } as {
    [name: string]: StageInput
  }
  const written = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
  const checked = checkedOptions(generate, { ...written, per_passage: perPassage }) as unknown as GenerateOptions
  let sent = 0
  let filesAtOnce = 0
  let rss = 0
  const look = (): void => {
    rss = Math.max(rss, process.memoryUsage.rss())
    filesAtOnce = Math.max(filesAtOnce, filesBelow(cluster.folder))
  }
  const context = {
    node: 'queries',
    options: checked,
    inputs,
    rows,
    count: ({ sent: more = 0 }) => {
      sent += more
    },
    progress: () => {},
    drain: new AbortController().signal,
    signal: new AbortController().signal,
  } as unknown as ServiceContext<GenerateOptions>
  const setup = await requestSetup((name) => inputs[name], checked)
  const looking = setInterval(look, 2_000)
  const before = process.cpuUsage()
  try {
    const limits = { rows: options.shard, array: options.array, least: 1 }
    await cluster.pass(
      answerInShards(context, cluster, setup, () => passagesOf(count), count * perPassage, { clock: cluster, limits }),
    )
  } finally {
    clearInterval(looking)
  }
  look()
  const used = process.cpuUsage(before)
  await rows.close()
  return {
    rows: count * perPassage,
    sent,
    arrays: cluster.arrays,
    submissions: cluster.calls.submit,
    polls: cluster.calls.poll,
    looks: cluster.calls.look,
    lost: cluster.calls.lost,
    files: cluster.calls.files,
    filesAtOnce,
    storeBytes: bytesBelow(join(folder, 'rows')),
    hours: cluster.now() / 3_600_000,
    cpuSeconds: (used.user + used.system) / 1e6 - cluster.ownMs / 1000,
    rssMiB: rss / 2 ** 20,
  }
}

async function* passagesOf(count: number): AsyncGenerator<Passage> {
  for (let i = 0; i < count; i++) {
    const words = Array.from({ length: 56 }, (_, at) => WORDS[(i * 7 + at * (1 + (i % 13))) % WORDS.length])
    const _id = `p${i}`
    yield { _id, doc_id: _id, title: '', text: `${i.toString(36)} ${words.join(' ')}` }
  }
}

function filesBelow(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
  } catch {
    // It changes while it is looked at.
    return 0
  }
}

function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}
