import { existsSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../../../rig/fake-openai.ts'
import { passages } from '../setup.ts'
import { arraysHere, shardBench } from './setup.ts'

const answering = () => fakeOpenai(({ text, body }) => ({ answer: `query ${body.seed} of ${text.length}` }))

/** Folders of arrays that are still there. */
const left = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name !== 'claims') : []

test('shards give the bytes that one process gives, and ask for each row once', async () => {
  const server = await answering()
  const rows = passages(100)
  const alone = await shardBench(server.url).run(rows, { per_passage: 2 })
  server.requests.length = 0
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 8)
  const shards = await made.runShards(rows, arrays, { per_passage: 2 })
  expect(shards.text('pairs', 'pairs.jsonl')).toBe(alone.text('pairs', 'pairs.jsonl'))
  expect(server.requests).toHaveLength(200)
  expect(arrays.submissions).toEqual([[0, 1, 2, 3, 4, 5, 6, 7]])
  expect(made.requests).toEqual({ sent: 200, cached: 0, failed: 0 })
  expect(left(arrays.folder)).toEqual([])

  const again = await made.runShards(rows, arrays, { per_passage: 2 })
  expect(again.text('pairs', 'pairs.jsonl')).toBe(alone.text('pairs', 'pairs.jsonl'))
  expect(server.requests).toHaveLength(200)
  expect(made.requests).toEqual({ sent: 0, cached: 200, failed: 0 })
  expect(arrays.submissions).toHaveLength(1)
})
