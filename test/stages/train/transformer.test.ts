import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../cache/digest.ts'
import type { Json, ServiceContext, StageInput } from '../../../stages/define.ts'
import { train } from '../../../stages/train/stage.ts'
import { type PythonRig, pythonRig } from '../../rig/python.ts'
import { artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { PAIRS } from './pairs.ts'
import { pathInput } from './path-input.ts'

const rig = await pythonRig('training of transformers needs the Python environment of training')

const marker = (name: string): Json => ({ $input: name })
const BUDGET = { budget: { steps: 12 }, batch: 8, curve_every: 5, checkpoint_every: { steps: 4 } }
/** Three processes that load torch, on a machine that does other work too. */
const TIMEOUT_MS = 10 * 60_000
const RANDOM = { base: 'random:2x64', vocabulary_size: 512, learning_rate: 0.001 }

describe.skipIf(!rig)('train, a transformer', () => {
  const { services: all, miniLm } = rig ?? ({} as PythonRig)
  const { scratch: _, ...services } = all ?? {}

  const inputs = (more: { [name: string]: StageInput } = {}): { [name: string]: StageInput } => ({
    data: artifactInput('training', { 'training.jsonl': PAIRS }),
    corpus: datasetInput({ corpus: PAIRS.map(({ positive }, i) => ({ _id: `p${i}`, text: positive })) }),
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
    ['all-MiniLM-L6-v2', { base: marker('base') }, () => inputs({ base: pathInput(miniLm) })],
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
    const command = readFileSync(`/proc/${pid}/cmdline`, { encoding: 'utf8', flag: 'r' })
    if (command.includes(folder) && command.includes('train_model.py')) process.kill(Number(pid), 'SIGKILL')
  }
}
