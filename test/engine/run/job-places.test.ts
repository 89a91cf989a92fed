import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { GraphNode } from '../../../engine/plan/node.ts'
import { jobPlaces } from '../../../engine/run/job-places.ts'
import { type Profile, readProfile } from '../../../engine/run/slurm/profile.ts'
import { generate } from '../../../stages/generate/stage.ts'
import { registry } from '../../../stages/registry.ts'
import { slurmStandIn } from '../../rig/slurm-stand-in.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

test('tasks of shards are started by the Node and the queryloom that a profile names', async () => {
  slurmStandIn(undefined)
  const root = temporaryFolder()
  writeFileSync(join(root, 'cluster.yaml'), 'node: /opt/node/bin/node\nqueryloom: /opt/queryloom\n')
  const { profile } = readProfile(join(root, 'cluster.yaml'), new Set(['queries']))
  const served = { serve: 'vllm', source: 'weights', sha256: 'a'.repeat(64) }
  const node = {
    stage: 'queries',
    definition: generate,
    inputs: new Map([['model', { type: 'llm', name: 'big', block: served, folder: root, identity: {} }]]),
    passEnv: [],
    retry: { attempts: 1, backoffMs: 0 },
    resources: { cpus: 1, memory: 0, pools: {} },
  } as unknown as GraphNode
  const places = jobPlaces(profile as Profile, registry.models, () => false)
  const arrays = places.open({ root, memo: undefined as never }, () => {}).arrays(node, new AbortController().signal)
  const folder = join(root, 'slurm/shards/feed')
  await arrays?.submit({ key: 'feed', title: 'queries', folder, tasks: 1 }, [0])
  expect(readFileSync(join(folder, 'script.sh'), 'utf8')).toContain(
    `\n/opt/node/bin/node /opt/queryloom/dist/engine/run/stage-task.js generate ${folder}\n`,
  )
})
