import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { sha256 } from '../../../cache/digest.ts'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import type { Json, ServiceContext, StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import { train } from '../../../stages/train/stage.ts'
import { type FakeHub, fakeHub } from '../../rig/fake-hub.ts'
import { type PythonRig, pythonRig } from '../../rig/python.ts'
import { artifactFrom, artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { present } from '../eval/collections.ts'
import { cranfieldSpans } from './cranfield-spans.ts'
import { PAIRS } from './pairs.ts'
import { pathInput } from './path-input.ts'
import { type SmallCollection, scoredInPython, smallCranfield } from './scored-in-python.ts'

const rig = await pythonRig('training of transformers needs the Python environment of training')

const marker = (name: string): Json => ({ $input: name })
const BUDGET = { budget: { steps: 12 }, batch: 8, curve_every: 5, checkpoint_every: { steps: 4 } }
/** Three processes that load torch, on a machine that does other work too. */
const TIMEOUT_MS = 30 * 60_000
/** Synthetic pairs of Cranfield, where it is there. */
const ROWS = present('cranfield') ? cranfieldSpans(32) : PAIRS
const RANDOM = { base: 'random:2x64', vocabulary_size: 512, learning_rate: 0.001 }
const CONVENTIONS = { prefixes: { query: 'ask: ', passage: '' }, max_length: 32 }
const COMMIT = '8b3219a92973c328a8e22fadcfa821b5dc75636a'

type Inputs = { [name: string]: StageInput }
/** The options and inputs of one attempt. */
type Attempt = [options: { [name: string]: Json }, inputs: Inputs]
/** Of a run that nothing happens to, one that is killed, and one that resumes it. */
type Attempts = [Attempt, Attempt, Attempt]

const inputs = (more: Inputs = {}): Inputs => ({
  data: artifactInput('training', { 'training.jsonl': ROWS }),
  corpus: datasetInput({ corpus: ROWS.map(({ positive }, i) => ({ _id: `p${i}`, text: positive })) }),
  ...more,
})

describe.skipIf(!rig)('train, a transformer', () => {
  const { services: all, miniLm, python } = rig ?? ({} as PythonRig)
  const { scratch: _, ...own } = all ?? {}
  // What later tests look at again, by its name.
  const kept = mkdtempSync(path.join(tmpdir(), 'queryloom-test-'))
  afterAll(() => rmSync(kept, { recursive: true, force: true }))
  // What is installed is taken from the machine's own cache, models of the hub from a new one.
  const models = openToolsCache(path.join(kept, 'tools'))
  const getOrBuild: typeof models.getOrBuild = (kind, ...more) =>
    (kind === 'model' ? models : own.tools!).getOrBuild(kind, ...more)
  const services = { ...own, tools: { ...own.tools!, getOrBuild } }
  let hub: FakeHub

  const run = ([options, given]: Attempt, more: Partial<ServiceContext<Json>> = {}): Promise<StageResult> =>
    runStage(train, { data: marker('data'), device: 'cpu', ...BUDGET, ...options }, given, { ...services, ...more })

  /** Trains, and is killed once there is a checkpoint; the folder of what that left. */
  const killed = async (attempt: Attempt): Promise<string> => {
    for (;;) {
      const resume = path.join(temporaryFolder(), 'resume')
      const scratch = temporaryFolder()
      let isOver = false
      const end = run(attempt, { resume, scratch }).then(
        () => undefined,
        (error: unknown) => error,
      )
      void end.then(() => {
        isOver = true
      })
      await killWhen(scratch, () => isOver || existsSync(path.join(resume, 'step-4')))
      const error = await end
      // One that was through before it could be killed is no killed one.
      if (error === undefined) continue
      expect((error as Error).message).toContain('training was ended by SIGKILL')
      return resume
    }
  }

  /** The same weights as a folder, from a hub, and as an encoder of `models:` whose block has the conventions. */
  const miniLmAttempts = async (): Promise<Attempts> => {
    hub = await fakeHub(filesOf(miniLm), { large: (name) => name.endsWith('.safetensors') })
    process.env.HF_ENDPOINT = hub.url
    onTestFinished(() => {
      delete process.env.HF_ENDPOINT
    })
    const folder = pathInput(miniLm) as Extract<StageInput, { type: 'path' }>
    const block = { encoder: 'onnx', source: miniLm, max_length: 32, prefixes: { query: 'ask: ' } }
    const encoder: StageInput = { type: 'encoder', name: 'minilm', model: block, files: folder.files }
    return [
      [{ base: marker('base'), ...CONVENTIONS }, inputs({ base: folder })],
      [{ base: `hf:some/encoder@${COMMIT}`, ...CONVENTIONS }, inputs()],
      [{ base: marker('base') }, inputs({ base: encoder })],
    ]
  }

  it.each<[string, string, () => Promise<Attempts>]>([
    ['random', 'a random transformer', async () => [0, 1, 2].map((): Attempt => [RANDOM, inputs()]) as Attempts],
    ['minilm', 'all-MiniLM-L6-v2 (a folder; of a hub, killed; an encoder of `models:`, resumed)', miniLmAttempts],
  ])(
    '(%s) %s, killed and resumed, ends with the bytes of a run that nothing happened to',
    async (name, _, attempts) => {
      const [first, second, third] = await attempts()
      const facts: { training?: { [name: string]: Json } } = {}
      const whole = await run(first, { observe: (seen) => Object.assign(facts, seen) })
      expect(whole.summary).toMatchObject({
        counts: { rows: 32, steps: 12, samples_seen: 96 },
        details: { batch: 8, epochs: 3 },
      })
      expect((whole.summary.details as { onnx_cosine: number }).onnx_cosine).toBeGreaterThanOrEqual(0.9999)
      expect(whole.rows('curve', 'curve.jsonl').map(({ step }) => step)).toEqual([5, 10, 12])
      expect(facts.training).toMatchObject({ device: 'cpu', resumed_from: 0, deterministic: 'strict', halved: 0 })

      const resume = await killed(second)
      const left = readdirSync(resume).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
      const resumed = await run(third, { resume, observe: (seen) => Object.assign(facts, seen) })
      expect(facts.training?.resumed_from).toBe(Math.max(...left.map(Number)))
      expect(digests(resumed)).toEqual(digests(whole))
      expect(resumed.text('curve', 'curve.jsonl')).toBe(whole.text('curve', 'curve.jsonl'))
      expect(whole.files('model').filter((file) => /\.(bin|pt|pkl)$/.test(file))).toEqual([])
      cpSync(resumed.folder('model'), path.join(kept, name), { recursive: true })
    },
    TIMEOUT_MS,
  )

  it('is fetched from its hub at its commit, and has the prefixes and the length of its block', () => {
    expect(hub.seen).toContain(`/some/encoder/resolve/${COMMIT}/model.safetensors`)
    expect(JSON.parse(readFileSync(path.join(kept, 'minilm', 'queryloom.json'), 'utf8'))).toMatchObject({
      prefixes: { query: 'ask: ', passage: '' },
      max_length: { query: 32, passage: 32 },
    })
  })

  it.skipIf(!present('cranfield'))(
    'is measured in Node as it is in Python',
    async () => {
      const collection = smallCranfield(250)
      const folders = ['random', 'minilm'].map((name) => path.join(kept, name))
      const inPython = await scoredInPython(python, collection, folders)
      for (const [i, folder] of folders.entries()) {
        expect(inPython[i]).toBeGreaterThan(0.05)
        expect(Math.abs((await scoredInNode(folder, collection)) - inPython[i]!)).toBeLessThan(1e-4)
      }
    },
    TIMEOUT_MS,
  )

  it('is distilled into a static model, which is trained further', { timeout: TIMEOUT_MS }, async () => {
    const encoder = artifactFrom('model', path.join(kept, 'random'))
    const base = { distill: marker('base'), dimensions: 16 }
    const more = { data: marker('data'), base, budget: { steps: 100 }, batch: 8 }
    const { summary, files, rows } = await runStage(train, more, inputs({ base: encoder }), services)
    expect(summary.counts).toMatchObject({ rows: 32, steps: 100, dimensions: 16 })
    expect(files('model')).toContain('1_Normalize/config.json')
    // Each point is the mean of five steps, that is of every row.
    const curve = rows('curve', 'curve.jsonl')
    expect(curve.at(-1).loss).toBeLessThan(curve[0].loss)
  })

  async function scoredInNode(model: string, { passages, queries, qrels }: SmallCollection): Promise<number> {
    const lines = ['query-id\tcorpus-id\tscore']
    for (const [query, judged] of qrels) for (const [id, gain] of judged) lines.push(`${query}\t${id}\t${gain}`)
    const measured = await runStage(
      evaluate,
      { model: marker('model'), dataset: marker('dataset'), metrics: ['ndcg@10'] },
      {
        model: artifactFrom('model', model),
        dataset: datasetInput({ corpus: passages, name: 'cranfield' }),
        judgements: datasetInput({ queries, qrels: `${lines.join('\n')}\n`, split: 'test', name: 'cranfield' }),
      },
      services,
    )
    return JSON.parse(measured.text('scores', 'scores.json')).metrics['ndcg@10']
  }
})

/** Every file of a folder, by its path there. */
function filesOf(folder: string): { [file: string]: Buffer } {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => path.join(parentPath, name))
      .map((file) => [path.relative(folder, file), readFileSync(file)]),
  )
}

/** Digest of every file of the model. */
function digests(result: StageResult): { [file: string]: string } {
  return Object.fromEntries(
    Object.entries(filesOf(result.folder('model'))).map(([file, bytes]) => [file, sha256(bytes)]),
  )
}

/** Kills, as the kernel would, the process that was given a file of this folder, once something is so. */
async function killWhen(folder: string, isTime: () => boolean): Promise<void> {
  while (!isTime()) await setTimeout(5)
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = commandLine(pid)
    if (command.includes(folder) && command.includes('train_model.py')) process.kill(Number(pid), 'SIGKILL')
  }
}

/** Of a process; nothing of one that ended meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
