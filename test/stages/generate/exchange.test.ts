import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StageError, type StageInput } from '../../../stages/define.ts'
import { modelIdentity } from '../../../stages/models/identity.ts'
import { leaseModel } from '../../../stages/models/lease.ts'
import { type FakeLine, lineAnswer } from '../../rig/fake-batch-api.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices } from '../models/setup.ts'
import { type Bench, bench, passages } from './setup.ts'

/** A bench whose model is answered by files in a folder. */
async function exchanged(folder: string): Promise<Bench> {
  const services = await leaseServices()
  const block = { exchange: 'exchange', model: 'big' }
  const llm: Extract<StageInput, { type: 'llm' }> = {
    type: 'llm',
    name: 'big',
    model: block,
    folder,
    identity: modelIdentity(block, folder) as never,
  }
  const b = bench('http://127.0.0.1:9/v1')
  const { inputs, run } = b
  b.inputs = (list) => ({ ...inputs(list), model: llm })
  b.run = (rows, options, more) =>
    run(rows, options, {
      models: {
        use: async (asked, fn) => {
          const endpoint = await leaseModel(asked, services)
          return fn(endpoint).finally(() => endpoint.stop())
        },
      },
      ...more,
    })
  return b
}

const linesOf = (path: string): FakeLine[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('requests are written for others, and their answers are read from beside them', async () => {
  const folder = temporaryFolder()
  const b = await exchanged(folder)
  const requests = join(folder, 'exchange/requests.jsonl')
  const error = (await b.run(passages(50), { per_passage: 2 }).catch((thrown: unknown) => thrown)) as StageError
  expect(error).toBeInstanceOf(StageError)
  expect(error.message).toBe(`100 requests wait for their answers: ${requests}`)
  expect(error.advice).toContain('vllm run-batch')
  const lines = linesOf(requests)
  expect(lines.length).toBe(100)
  expect(lines[0]).toMatchObject({
    method: 'POST',
    url: '/v1/completions',
    body: { model: 'big', prompt: expect.any(String) },
  })

  // Most are answered, in another order, in two files; one with a torn line, one a refusal.
  const answered = lines
    .slice(0, 90)
    .map((line, i) => JSON.stringify(lineAnswer(line, `query ${i}`)))
    .reverse()
  writeFileSync(
    join(folder, 'exchange/answers-1.jsonl'),
    `${answered.slice(0, 40).join('\n')}\n{"custom_id": "sha256:torn`,
  )
  const refused = {
    custom_id: lines[90]?.custom_id,
    response: { status_code: 400, body: { error: { message: 'maximum context length' } } },
  }
  writeFileSync(join(folder, 'exchange/answers-2.jsonl'), [...answered.slice(40), JSON.stringify(refused)].join('\n'))
  await expect(b.run(passages(50), { per_passage: 2 })).rejects.toThrow('9 requests wait for their answers')
  expect(linesOf(requests).map(({ custom_id }) => custom_id)).toEqual(lines.slice(91).map(({ custom_id }) => custom_id))

  writeFileSync(
    join(folder, 'exchange/answers-3.jsonl'),
    lines
      .slice(91)
      .map((line) => JSON.stringify(lineAnswer(line, 'late')))
      .join('\n'),
  )
  const { summary } = await b.run(passages(50), { per_passage: 2 })
  expect(summary.counts).toMatchObject({ pairs: 99, refused: 1, failed: 0 })
  expect(b.requests).toEqual({ sent: 0, cached: 91, failed: 0 })
  expect(existsSync(requests)).toBe(false)
})
