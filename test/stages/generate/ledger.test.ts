import { expect, test } from 'vitest'
import type { ModelUse } from '../../../cache/action-record.ts'
import { ModelLedger } from '../../../engine/run/model-ledger.ts'
import type { ModelCharge, ModelLeases } from '../../../stages/define.ts'
import { type FakeOpenai, fakeOpenai } from '../../rig/fake-openai.ts'
import { type Bench, bench, modelAt, passages } from './setup.ts'

async function ledgerOf(server: FakeOpenai, b: Bench, count: number, more = {}): Promise<ModelUse | undefined> {
  const ledger = new ModelLedger()
  const model = modelAt(server.url, more)
  const prices = { prices: { input: 2, output: 1_000_000 } }
  const models: ModelLeases = {
    use: (llm, fn) => b.models.use(llm, (endpoint) => fn('prices' in more ? { ...endpoint, ...prices } : endpoint)),
  }
  const inputs = { ...b.inputs(passages(count)), model }
  const charged = (_: object, charge?: ModelCharge): void => void (charge && ledger.charge(charge))
  await b.run(passages(count), { allow_failed: 9, retries: 1 }, { inputs, models, count: charged } as never)
  return ledger.models?.fake
}

test('the ledger tells rows, retries, failures, tokens, money and the time of a model', async () => {
  const server = await fakeOpenai(({ text, before }) => {
    if (text.includes('passage 1\n')) return { status: 500 }
    if (text.includes('passage 2\n') && before === 0) return { status: 500 }
    return { answer: 'a query' }
  })
  const b = bench(server.url)
  const use = await ledgerOf(server, b, 4, { prices: {} })
  // The fake server says one token of each kind for an answer.
  expect(use).toEqual({
    new: 3,
    cached: 0,
    retried: 2,
    failed: 1,
    input_tokens: 3,
    output_tokens: 3,
    uncounted: 0,
    seconds: expect.any(Number),
    money: 3.000006,
  })
  expect(use?.seconds).toBeGreaterThan(0)
  const again = await ledgerOf(server, b, 4)
  expect(again).toMatchObject({ new: 0, cached: 3, failed: 1, input_tokens: 0, money: null })
})

test('time is that in which anything is on its way, however many requests are', async () => {
  const server = await fakeOpenai(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    return { answer: 'a query' }
  })
  const started = performance.now()
  const use = await ledgerOf(server, bench(server.url), 8)
  const all = (performance.now() - started) / 1000
  expect(use?.seconds).toBeGreaterThanOrEqual(0.09)
  expect(use?.seconds).toBeLessThanOrEqual(all)
})
