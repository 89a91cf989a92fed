import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sha256 } from '../../../cache/digest.ts'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import type { Json, ServiceContext, StageInput } from '../../../stages/define.ts'
import { train } from '../../../stages/train/stage.ts'
import { fakeHub } from '../../rig/fake-hub.ts'
import { type PythonRig, pythonRig } from '../../rig/python.ts'
import { artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { present } from '../eval/collections.ts'
import { cranfieldSpans } from './cranfield-spans.ts'
import { PAIRS } from './pairs.ts'
import { pathInput } from './path-input.ts'

const rig = await pythonRig('training of transformers needs the Python environment of training')

const marker = (name: string): Json => ({ $input: name })
const BUDGET = { budget: { steps: 12 }, batch: 8, curve_every: 5, checkpoint_every: { steps: 4 } }
/** Three processes that load torch, on a machine that does other work too. */
const TIMEOUT_MS = 10 * 60_000
/** Synthetic pairs of Cranfield, where it is there. */
const ROWS = present('cranfield') ? cranfieldSpans(32) : PAIRS
const RANDOM = { base: 'random:2x64', vocabulary_size: 512, learning_rate: 0.001 }

describe.skipIf(!rig)('train, a transformer', () => {
  const { services: all, miniLm } = rig ?? ({} as PythonRig)
  const { scratch: _, ...services } = all ?? {}

  const inputs = (more: { [name: string]: StageInput } = {}): { [name: string]: StageInput } => ({
    data: artifactInput('training', { 'training.jsonl': ROWS }),
    corpus: datasetInput({ corpus: ROWS.map(({ positive }, i) => ({ _id: `p${i}`, text: positive })) }),
    ...more,
  })
  const run = (
    options: { [name: string]: Json },
    given: { [name: string]: StageInput } = inputs(),
    more: Partial<ServiceContext<Json>> = {},
  ): Promise<StageResult> =>
    runStage(train, { data: marker('data'), device: 'cpu', ...BUDGET, ...options }, given, { ...services, ...more })

  it.each<[string, { [name: string]: Json }, () => { [name: string]: StageInput }]>([
    ['a random transformer', RANDOM, () => inputs()],
    ['all-MiniLM-L6-v2', { base: marker('base'), max_length: 64 }, () => inputs({ base: pathInput(miniLm) })],
  ])(
    '%s, killed and resumed, ends with the bytes of a run that nothing happened to',
    async (_, options, given) => {
      const facts: { training?: { [name: string]: Json } } = {}
      const whole = await run(options, given(), { observe: (seen) => Object.assign(facts, seen) })
      expect(whole.summary).toMatchObject({
        counts: { rows: 32, steps: 12, samples_seen: 96 },
        details: { batch: 8, epochs: 3 },
      })
      expect((whole.summary.details as { onnx_cosine: number }).onnx_cosine).toBeGreaterThanOrEqual(0.9999)
      expect(whole.rows('curve', 'curve.jsonl').map(({ step }) => step)).toEqual([5, 10, 12])
      expect(facts.training).toMatchObject({ device: 'cpu', resumed_from: 0, deterministic: 'strict', halved: 0 })

      const resume = path.join(temporaryFolder(), 'resume')
      const scratch = temporaryFolder()
      const killed = run(options, given(), { resume, scratch })
      await Promise.all([
        expect(killed).rejects.toThrow('training was ended by SIGKILL'),
        killWhen(scratch, () => existsSync(path.join(resume, 'step-4'))),
      ])
      const left = readdirSync(resume).filter((name) => name.startsWith('step-'))
      expect(left).toHaveLength(1)
      const resumed = await run(options, given(), { resume, observe: (seen) => Object.assign(facts, seen) })
      expect(facts.training?.resumed_from).toBe(Number(left[0]?.slice('step-'.length)))
      expect(digests(resumed)).toEqual(digests(whole))
      expect(resumed.text('curve', 'curve.jsonl')).toBe(whole.text('curve', 'curve.jsonl'))
      expect(whole.files('model').filter((file) => /\.(bin|pt|pkl)$/.test(file))).toEqual([])
    },
    TIMEOUT_MS,
  )

  it('trains an encoder of `models:` further, with the prefixes and the length of its block', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const base: StageInput = {
      type: 'encoder',
      name: 'minilm',
      model: { encoder: 'onnx', source: miniLm, max_length: 32, prefixes: { query: 'ask: ' } },
      files: (pathInput(miniLm) as Extract<StageInput, { type: 'path' }>).files,
    }
    const { text } = await run({ base: marker('base'), budget: { steps: 1 } }, inputs({ base }))
    expect(JSON.parse(text('model', 'queryloom.json'))).toMatchObject({
      prefixes: { query: 'ask: ', passage: '' },
      max_length: { query: 32, passage: 32 },
    })
  })

  it('fetches a base from a hub, at its commit', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const files = Object.fromEntries(
      readdirSync(miniLm, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => path.join(parentPath, name))
        .map((file) => [path.relative(miniLm, file), readFileSync(file)]),
    )
    const hub = await fakeHub(files, { large: (name) => name.endsWith('.safetensors') })
    process.env.HF_ENDPOINT = hub.url
    onTestFinished(() => {
      delete process.env.HF_ENDPOINT
    })
    const commit = '8b3219a92973c328a8e22fadcfa821b5dc75636a'
    const tools = openToolsCache(temporaryFolder())
    // What is installed is taken from the machine's own cache, the model from a new one.
    const fresh = {
      ...services.tools,
      getOrBuild: ((kind, ...more) =>
        (kind === 'model' ? tools : services.tools!).getOrBuild(kind, ...more)) as typeof tools.getOrBuild,
    }
    const base = `hf:some/encoder@${commit}`
    const trained = await run({ base, budget: { steps: 1 }, max_length: 32 }, inputs(), { tools: fresh })
    expect(trained.files('model')).toContain('model.safetensors')
    expect(hub.seen).toContain(`/some/encoder/resolve/${commit}/model.safetensors`)
  })
})

/** Digest of every file of the model. */
function digests(result: StageResult): { [file: string]: string } {
  const folder = result.folder('model')
  return Object.fromEntries(
    result.files('model').map((file) => [file, sha256(readFileSync(path.join(folder, file))) as string]),
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
