import { describe, expect, test } from 'vitest'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import type { NodeId } from '../../../engine/plan/node.ts'
import type { ResourceRequest } from '../../../engine/plan/resources.ts'
import { registry } from '../../../stages/registry.ts'
import { Project } from '../parse/project.ts'

function requestOf(resources: string): ResourceRequest {
  const text = `
version: 1
params: { slots: 8, ram: 1.5GiB, cards: 2 }
pools: { openai: "\${params.slots}", disk: 1 }
stages: { a: { uses: command, with: { run: x }, resources: ${resources} } }
`
  const { graph, diagnostics } = new Project().load(text)
  expect(diagnostics).toEqual([])
  expect(graph!.pools).toEqual({ openai: 8, disk: 1 })
  return graph!.nodes.get('a' as NodeId)!.resources
}

describe('resources of a node', () => {
  test.each([
    ['{}', { cpus: 2, memory: 0, pools: {} }],
    ['{ cpus: 3, memory: 512MB }', { cpus: 3, memory: 512e6, pools: {} }],
    ['{ memory: "${params.ram}" }', { cpus: 2, memory: 1.5 * 2 ** 30, pools: {} }],
    ['{ memory: 4096, gpus: 0 }', { cpus: 2, memory: 4096, gpus: 0, pools: {} }],
    ['{ gpus: "${params.cards}" }', { cpus: 2, memory: 0, gpus: 2, pools: {} }],
    ['{ gpus: { count: 1, memory: 40GiB } }', { cpus: 2, memory: 0, gpus: 1, gpuMemory: 40 * 2 ** 30, pools: {} }],
    ['{ pools: { openai: "${params.slots}", disk: 1 } }', { cpus: 2, memory: 0, pools: { openai: 8, disk: 1 } }],
  ])('%s', (written, expected) => {
    expect(requestOf(written)).toEqual(expected)
  })

  test('the option `allow_failed` of generate is no setting of stages, and whoever writes it there is told where it stands', () => {
    const file = new Project().write('pipeline.yaml', 'version: 1\nstages: { q: { uses: generate, allow_failed: 3 } }')
    const { diagnostics } = loadGraph(file, { registry })
    expect(diagnostics.find(({ code }) => code === 'unknown-key')).toMatchObject({
      message: 'unknown key `allow_failed` in `stages.q`',
      advice: '`allow_failed` is an option of generate: it stands under `with`.',
    })
  })
})
