import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openRowStore } from '../../../../cache/row-store.ts'
import type { SubmittedTasks } from '../../../../stages/define.ts'
import { fakeOpenai } from '../../../rig/fake-openai.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { waitFor } from '../../../rig/wait-for.ts'
import { passages } from '../setup.ts'
import { arraysHere, shardBench } from './setup.ts'

// Several nodes and several runs that share rows and a folder for arrays.

/** Benches on the same rows, each with a store of its own as another process has it. */
function benches(url: string, count: number) {
  const home = temporaryFolder()
  return Array.from({ length: count }, () => {
    const made = shardBench(url)
    made.rows = openRowStore(join(home, 'rows'))
    onTestFinished(() => made.rows.close())
    return { ...made, made, arrays: arraysHere(url, 4, join(home, 'shards')) }
  })
}

/** Lets the run that submits to these arrays die once it has; what it submitted goes on. */
function killedWhenSubmitted(arrays: ReturnType<typeof arraysHere>): { folder: string; submitted: SubmittedTasks }[] {
  const { submit } = arrays
  const going: { folder: string; submitted: SubmittedTasks }[] = []
  arrays.submit = async (array, tasks) => {
    going.push({ folder: array.folder, submitted: await submit(array, tasks) })
    throw new Error('killed')
  }
  return going
}

const left = (folder: string): string[] => readdirSync(folder).filter((name) => name !== 'claims')

test('two runs whose rows overlap ask for each row once', async () => {
  let answers = 0
  const server = await fakeOpenai(() => ({ answer: `query ${answers++}` }))
  const [a, b] = benches(server.url, 2)
  const rows = passages(150)
  const [one, two] = await Promise.all([
    a!.made.runShards(rows.slice(0, 100), a!.arrays),
    b!.made.runShards(rows.slice(50), b!.arrays),
  ])
  expect(server.requests).toHaveLength(150)
  const queries = (result: typeof one) =>
    new Map(result.rows('pairs', 'pairs.jsonl').map((row) => [row._id, row.query]))
  const [ofOne, ofTwo] = [queries(one), queries(two)]
  for (let i = 50; i < 100; i++) expect(ofTwo.get(`p${i}-0`)).toBe(ofOne.get(`p${i}-0`))
  const [inA, inB] = [a!.made.requests, b!.made.requests]
  expect(inA.sent + inB.sent).toBe(150)
  expect(inA.cached + inB.cached).toBe(50)
  expect(left(a!.arrays.folder)).toEqual([])
})

test('what a run has cut and never submitted is cut anew by the next', async () => {
  const server = await fakeOpenai(() => ({ answer: 'a query' }))
  const [a, b] = benches(server.url, 2)
  a!.arrays.submit = () => Promise.reject(new Error('killed'))
  await expect(a!.made.runShards(passages(40), a!.arrays)).rejects.toThrow('killed')
  expect(left(a!.arrays.folder)).toHaveLength(1)
  // Half of an array, too, and one of a version to come.
  mkdirSync(join(a!.arrays.folder, 'cutting-0000', 'tasks', '0'), { recursive: true })
  await b!.made.runShards(passages(50), b!.arrays)
  expect(server.requests).toHaveLength(50)
  expect(b!.arrays.submissions).toHaveLength(1)
  expect(left(a!.arrays.folder)).toEqual([])
})

test('tasks that outlived their run are found by the next, which asks for none of their rows', async () => {
  let isOpen = false
  const server = await fakeOpenai(async () => {
    await waitFor(() => isOpen)
    return { answer: 'a query' }
  })
  const [a, b] = benches(server.url, 2)
  const going = killedWhenSubmitted(a!.arrays)
  await expect(a!.made.runShards(passages(40), a!.arrays)).rejects.toThrow('killed')
  await waitFor(() => server.requests.length > 0)
  b!.arrays.left = going
  const running = b!.made.runShards(passages(60), b!.arrays)
  await waitFor(() => b!.arrays.submissions.length > 0)
  isOpen = true
  const { summary } = await running
  expect(summary.counts.pairs).toBe(60)
  expect(server.requests).toHaveLength(60)
  expect(b!.made.requests).toEqual({ sent: 60, cached: 0, failed: 0 })
  expect(left(a!.arrays.folder)).toEqual([])
})

test('tasks of an earlier run that nobody needs any more are left alone', async () => {
  let isOpen = false
  const server = await fakeOpenai(async ({ text }) => {
    if (text.includes('passage 0')) await waitFor(() => isOpen)
    return { answer: 'a query' }
  })
  const [a, b] = benches(server.url, 2)
  const going = killedWhenSubmitted(a!.arrays)
  await expect(a!.made.runShards(passages(1), a!.arrays)).rejects.toThrow('killed')
  let isCancelled = false
  b!.arrays.left = going.map(({ folder, submitted }) => ({
    folder,
    submitted: {
      ...submitted,
      cancel: async () => {
        isCancelled = true
      },
    },
  }))
  await b!.made.runShards(passages(40).slice(1), b!.arrays)
  expect(isCancelled).toBe(false)
  expect(left(a!.arrays.folder)).toHaveLength(1)
  isOpen = true
})

test('a folder that holds no array is left as it is', async () => {
  const server = await fakeOpenai(() => ({ answer: 'a query' }))
  const [a] = benches(server.url, 1)
  mkdirSync(join(a!.arrays.folder, 'of-somebody-else'), { recursive: true })
  writeFileSync(join(a!.arrays.folder, 'of-somebody-else', 'shards.json'), '{"format": 2}')
  await a!.made.runShards(passages(5), a!.arrays)
  expect(existsSync(join(a!.arrays.folder, 'of-somebody-else', 'shards.json'))).toBe(true)
})
