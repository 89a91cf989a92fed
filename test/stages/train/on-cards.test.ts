import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { train } from '../../../stages/train/stage.ts'
import { artifactInput, datasetInput, runStage } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, scripts, withPath } from '../models/setup.ts'
import { STAND_IN_UV } from '../python/stand-in-uv.ts'
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
say('started', { device: 'cuda', hardware: 'Some card', cards: ['GPU-a', 'GPU-b'], processes: 2, versions })
say('halved', { step: 1, micro_batch: 16 })
while (!existsSync(import.meta.dirname + '/asked-2')) await new Promise((resolve) => setTimeout(resolve, 50))
mkdirSync(plan.out, { recursive: true })
writeFileSync(plan.out + '/model.safetensors', '')
const { prefixes = { query: '', passage: '' } } = plan
const max_length = { query: 64, passage: 64 }
const point = { step: plan.steps, loss: 0.5, learning_rate: 1e-5 }
const numbers = { selected: plan.steps, compared: 10, masked: 0, halved: 1, micro_batch: 16, parameters: 9, dimensions: 4 }
const speed = { seconds: 2, rows_per_second: 1234.5, peak_memory: 5e9, resumed_from: 0 }
say('finished', { curve: [point], cosine: 1, pooling: 'mean', prefixes, max_length, ...numbers, ...speed })
`
const draws = (notes: string): string => `
case "$*" in "--id GPU-a,GPU-b --query-gpu=power.draw "*) ;; *) exit 1;; esac
[ -e "${notes}/asked-1" ] && : > "${notes}/asked-2"
: > "${notes}/asked-1"
echo 300; echo 420`

test('on cards: one process each through the launcher, recovery from full memory, and a record of hardware, speed and energy', async () => {
  const notes = temporaryFolder()
  writeFileSync(join(notes, 'training.mjs'), TRAINING)
  const python = `#!/bin/sh\nexec "${process.execPath}" "${notes}/training.mjs" "$@"\n`
  writeFileSync(join(notes, 'python'), python, { mode: 0o755 })
  const uv = STAND_IN_UV.replace('echo p > "$last/bin/python"', `cp "${notes}/python" "$last/bin/python"`)
  const bin = scripts({ python3: 'echo "3.12.1 $0"', uv, 'nvidia-smi': draws(notes) })
  const observed: { training?: { [name: string]: Json } } = {}
  const { processes, tools } = await leaseServices()
  const options = {
    data: { $input: 'data' },
    base: 'random:2x64',
    vocabulary_size: 512,
    loss: 'CachedMultipleNegativesRankingLoss',
    ...{ device: 'cuda', processes: 2, precision: 'bf16', micro_batch: 32, batch: 8, budget: { steps: 3 } },
  }
  const result = await withPath(`${bin}:/bin:/usr/bin`, () =>
    runStage(
      train,
      options,
      {
        data: artifactInput('training', { 'training.jsonl': PAIRS }),
        corpus: datasetInput({ corpus: PAIRS.map(({ positive }, i) => ({ _id: `p${i}`, text: positive })) }),
      },
      { processes, tools, observe: (facts) => void Object.assign(observed, facts) },
    ),
  )
  const told = JSON.parse(readFileSync(join(notes, 'told.json'), 'utf8'))
  expect(told.words.join(' ')).toMatch(
    /-m accelerate\.commands\.launch --multi_gpu --num_processes 2 .*train_model\.py/,
  )
  expect(told.plan).toMatchObject({ device: 'cuda', precision: 'bf16', micro_batch: 32, steps: 3, batch: 8 })
  expect(observed.training).toMatchObject({
    ...{ device: 'cuda', hardware: 'Some card', cards: ['GPU-a', 'GPU-b'], processes: 2 },
    ...{ versions: { torch: '2', cuda: '13' }, rows_per_second: 1234.5, peak_memory: 5e9, micro_batch: 16, halved: 1 },
  })
  expect(observed.training?.energy_wh).toBeGreaterThan(0)
  // What the machine was stands in the record alone: equal models have equal summaries.
  expect(JSON.stringify(result.summary)).not.toMatch(/card|energy|1234/)
  expect(result.rows('curve', 'curve.jsonl')).toEqual([{ step: 3, loss: 0.5, learning_rate: 0.00001 }])
})
