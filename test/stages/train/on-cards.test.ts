import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { train } from '../../../stages/train/stage.ts'
import { artifactInput, datasetInput, runStage } from '../../rig/stage.ts'
import { leaseServices, withPath } from '../models/setup.ts'
import { standInPython } from '../python/stand-in-uv.ts'
import { PAIRS } from './pairs.ts'

/**
 * Stands for the Python of the environment, on a machine with two cards: notes its command and its plan, and tells what a
 * training on cards tells. It ends when nvidia-smi was asked for the second time.
 */
const TRAINING = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
const words = process.argv.slice(2)
const plan = JSON.parse(readFileSync(words.at(-1), 'utf8'))
writeFileSync(import.meta.dirname + '/told.json', JSON.stringify({ words, plan }))
const say = (event, facts) => appendFileSync(plan.events, JSON.stringify({ event, ...facts }) + '\\n')
const versions = { torch: '2', cuda: '13' }
say('started', { device: 'cuda', hardware: 'Some card', cards: ['GPU-a', 'GPU-b'], versions })
const halved = plan.halve_on_oom ? { halved: 1, micro_batch: 16 } : { halved: 0, micro_batch: 32 }
if (halved.halved) say('halved', { step: 1, micro_batch: 16 })
while (!existsSync(import.meta.dirname + '/asked-2')) await new Promise((resolve) => setTimeout(resolve, 50))
mkdirSync(plan.out, { recursive: true })
writeFileSync(plan.out + '/model.safetensors', '')
const { prefixes = { query: '', passage: '' } } = plan
const max_length = { query: 64, passage: 64 }
const point = { step: plan.steps, loss: 0.5, learning_rate: 1e-5 }
const numbers = { selected: plan.steps, compared: 10, masked: 0, ...halved, parameters: 9, dimensions: 4 }
const speed = { seconds: 2, rows_per_second: 1234.5, peak_memory: 5e9, resumed_from: 0 }
say('finished', { curve: [point], cosine: 1, pooling: 'mean', prefixes, max_length, ...numbers, ...speed })
`
const draws = (notes: string): string => `
case "$*" in "--id GPU-a,GPU-b --query-gpu=power.draw "*) ;; *) exit 1;; esac
[ -e "${notes}/asked-1" ] && : > "${notes}/asked-2"
: > "${notes}/asked-1"
echo 300; echo 420`

/** The command and the plan of a training on cards, and what its record and its summary hold. */
async function trainOnCards(
  { notes, path }: ReturnType<typeof standInPython>,
  changes: { [name: string]: Json },
): Promise<{ command: string; plan: Json; record: { [name: string]: Json }; summary: string }> {
  const observed: { training?: { [name: string]: Json } } = {}
  const { processes, tools } = await leaseServices()
  const options = {
    data: { $input: 'data' },
    base: 'random:2x64',
    vocabulary_size: 512,
    loss: 'CachedMultipleNegativesRankingLoss',
    ...{ device: 'cuda', precision: 'bf16', micro_batch: 32, batch: 8, budget: { steps: 3 }, ...changes },
  }
  const inputs = {
    data: artifactInput('training', { 'training.jsonl': PAIRS }),
    corpus: datasetInput({ corpus: PAIRS.map(({ positive }, i) => ({ _id: `p${i}`, text: positive })) }),
  }
  const services = { processes, tools, observe: (facts: object) => void Object.assign(observed, facts) }
  for (const asked of ['asked-1', 'asked-2']) rmSync(join(notes, asked), { force: true })
  const { summary } = await withPath(path, () => runStage(train, options, inputs, services))
  const { words, plan } = JSON.parse(readFileSync(join(notes, 'told.json'), 'utf8'))
  return { command: words.join(' '), plan, record: observed.training ?? {}, summary: JSON.stringify(summary) }
}

test('processes on cards leave a record of hardware, memory, speed and energy', async () => {
  const machine = standInPython(TRAINING, (notes) => ({ 'nvidia-smi': draws(notes) }))
  const alone = await trainOnCards(machine, { halve_on_oom: true })
  expect(alone.command).toMatch(/^-s \S+train_model\.py --plan/)
  const asked = { device: 'cuda', precision: 'bf16', micro_batch: 32, steps: 3, batch: 8 }
  expect(alone.plan).toMatchObject({ ...asked, halve_on_oom: true })
  const facts = {
    device: 'cuda',
    hardware: 'Some card',
    cards: ['GPU-a', 'GPU-b'],
    versions: { torch: '2', cuda: '13' },
  }
  const speed = { rows_per_second: 1234.5, peak_memory: 5e9 }
  expect(alone.record).toMatchObject({ ...facts, ...speed, halved: 1, micro_batch: 16 })
  expect(alone.record.energy_wh).toBeGreaterThan(0)

  const together = await trainOnCards(machine, { processes: 2 })
  expect(together.command).toMatch(
    /-m accelerate\.commands\.launch --multi_gpu --num_processes 2 .*train_model\.py --plan/,
  )
  expect(together.record).toMatchObject({ ...facts, ...speed, halved: 0, micro_batch: 32 })
  // What the machine was stands in the record alone: equal models have equal summaries.
  expect(together.summary).toBe(alone.summary)
  expect(together.summary).not.toMatch(/card|energy|1234/)
})
