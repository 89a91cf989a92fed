import { expect, test } from 'vitest'
import { rowRequest } from '../../stages/generate/requests.ts'
import { registry } from '../../stages/registry.ts'
import { everyStage } from './every-stage.ts'
import { keysOf } from './keys-of.ts'

const GOLDEN = '../golden/keys/every-stage.json'

/*
 * A difference here means that everything anybody has stored becomes stale. If that is meant (a stage's `version` was
 * raised, or a stage type or an option was added to the golden pipeline), write the new keys down with
 * `npx vitest run test/property/golden-keys.test.ts -u` and say so in the commit.
 */
test('keys of a pipeline of every stage type, with all that they are made of, stay what they were', async () => {
  const keyed = await keysOf(everyStage())
  const used = new Set(keyed.map(({ node }) => node.definition.type))
  expect([...used].sort(), 'a stage type without a golden key').toEqual(Object.keys(registry.stages).sort())
  const golden = Object.fromEntries(keyed.map(({ node, key, preimage }) => [node.id, { key, preimage }]))
  await expect(`${JSON.stringify(golden, null, 1)}\n`).toMatchFileSnapshot(GOLDEN)
})

test('keys of requests stay what they were', async () => {
  const keyed = await keysOf(everyStage())
  const keys: { [name: string]: string } = {}
  for (const { node } of keyed) {
    const [model, prompt] = [node.inputs.get('model'), node.inputs.get('prompt')]
    if (model?.type !== 'llm' || prompt?.type !== 'prompt') continue
    const setup = { identity: model.identity, prompt: prompt.value, options: node.options } as unknown
    for (const [sample, attempt] of [
      [0, 0],
      [1, 0],
      [0, 1],
    ] as const) {
      const passage = { title: 'Häfen', text: 'Of harbours, "and" more.\n😀' }
      const request = rowRequest(setup as Parameters<typeof rowRequest>[0], passage, sample, attempt)
      keys[`${node.id} sample ${sample} attempt ${attempt}`] = request.key
    }
  }
  await expect(`${JSON.stringify(keys, null, 1)}\n`).toMatchFileSnapshot('../golden/keys/requests.json')
})
