import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { EnergyMeter } from '../../../stages/train/energy.ts'
import { launch } from '../../../stages/train/transformer-plan.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, scripts, withPath } from '../models/setup.ts'

test('one process is Python itself; several on cards are started by the launcher of accelerate', () => {
  expect(launch('py', 'train_model.py', 'plan.json', {}).command).toEqual([
    'py',
    '-s',
    'train_model.py',
    '--plan',
    'plan.json',
  ])
  const { command, graceMs } = launch('py', 'train_model.py', 'plan.json', { processes: 4, device: 'cuda' })
  expect(command.join(' ')).toBe(
    'py -s -m accelerate.commands.launch --multi_gpu --num_processes 4 --num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port 0 train_model.py --plan plan.json',
  )
  // Its workers live in sessions of their own, and are given half a minute by it.
  expect(graceMs).toBeGreaterThanOrEqual(35_000)
  expect(launch('py', 't', 'p', { processes: 2, device: 'cpu' }).command).toContain('torch.distributed.run')
})

test('energy is what the cards draw over time, where nvidia-smi tells; elsewhere nothing is said', async () => {
  const services = await leaseServices()
  const folders = (): { scratch: string; log: string } => {
    const scratch = temporaryFolder()
    return { scratch, log: join(scratch, 'log') }
  }
  const draws = scripts({
    'nvidia-smi': 'case "$*" in "--id GPU-a,GPU-b --query-gpu=power.draw "*) echo 300; echo 420;; *) exit 1;; esac',
  })
  await withPath(`${draws}:/bin:/usr/bin`, async () => {
    const meter = new EnergyMeter(services.processes, folders())
    const began = performance.now()
    meter.start(['GPU-a', 'GPU-b'])
    while (meter.facts().energy_wh === undefined) await setTimeout(50)
    meter.stop()
    const longest = ((performance.now() - began) / 3_600_000) * 720
    expect(meter.facts().energy_wh).toBeGreaterThan(0)
    expect(meter.facts().energy_wh).toBeLessThanOrEqual(longest)
  })
  const silent = new EnergyMeter(services.processes, folders())
  silent.start([])
  expect(silent.facts()).toEqual({})
})
