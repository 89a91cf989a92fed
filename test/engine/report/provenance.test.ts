import { expect, test } from 'vitest'
import type { ActionRecord } from '../../../cache/action-record.ts'
import type { Store } from '../../../cache/store.ts'
import type { InputRef, NodeId } from '../../../engine/plan/node.ts'
import type { Newest } from '../../../engine/report/newest.ts'
import { provenanceOf } from '../../../engine/report/provenance.ts'
import { digest, graphNode, record } from './fixtures/nodes.ts'

test('an input that has another result by now is told apart, and paths are told from the root', async () => {
  const source = graphNode('passages', {}, { outputs: { passages: 'passages' } })
  const ref: InputRef = { type: 'stage', node: source.id, output: 'passages', kind: 'passages' }
  const prompt: InputRef = { type: 'prompt', path: '/project/prompts/a.yaml', value: { user: 'Write.' } }
  const made = graphNode(
    'queries',
    {},
    {
      inputs: new Map<string, InputRef>([
        ['passages', ref],
        ['prompt', prompt],
      ]),
      needs: [source.id],
    },
  )
  const output = { kind: 'passages', digest: digest('now'), files: [] }
  const sourceRecord = { ...record(source.id), outputs: { passages: output } } as unknown as ActionRecord
  const newest: Newest = new Map<NodeId, never>([
    [source.id, { node: source, record: sourceRecord, fresh: true } as never],
    [made.id, { node: made, record: record(made.id), fresh: false } as never],
  ])
  const inputsFrom = async (artifact: string): Promise<unknown> => {
    const preimage = {
      stage: 'generate',
      version: 1,
      options: { per_passage: 2, passages: { $input: 'passages' } },
      inputs: { passages: { artifact }, prompt: { prompt: { user: 'Write.' } } },
      env: {},
    }
    const store = { actions: { preimage: () => preimage } } as unknown as Store
    const { nodes, prompts } = await provenanceOf(newest, store, '/project')
    expect(prompts).toEqual([{ user: 'Write.' }])
    expect(nodes[1]!.options).toEqual({ per_passage: 2 })
    return nodes[1]!.inputs
  }
  const shown = { input: 'prompt', from: 'prompts/a.yaml', prompt: 0 }
  expect(await inputsFrom(digest('now'))).toEqual([{ input: 'passages', from: 'passages', node: 'passages' }, shown])
  expect(await inputsFrom(digest('before'))).toEqual([
    { input: 'passages', from: 'passages', node: 'passages', earlier: digest('before') },
    shown,
  ])
})
