import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openRowStore } from '../../../../cache/row-store.ts'
import { fakeOpenai } from '../../../rig/fake-openai.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { waitFor } from '../../../rig/wait-for.ts'
import { passages } from '../setup.ts'
import { arraysHere, shardBench } from './setup.ts'

const answering = () => fakeOpenai(({ text, body }) => ({ answer: `query ${body.seed} of ${text.length}` }))

/** Folders of arrays that are still there. */
const left = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name !== 'claims') : []

/** A task that dies of what it can't help. */
const lost = Object.assign(new Error('lost'), { noFault: true })

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

  const more = await made.runShards(rows, arrays, { per_passage: 3 })
  expect(more.summary.counts.pairs).toBe(300)
  expect(made.requests).toEqual({ sent: 100, cached: 200, failed: 0 })
})

test('rows stand in the store with their provenance, as if asked for online', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const seen: unknown[] = []
  const { getOrRun } = made.rows
  made.rows.getOrRun = async (...args) => {
    const found = await getOrRun.apply(made.rows, args)
    seen.push(found.value)
    return found
  }
  await made.runShards(passages(1), arraysHere(server.url, 2))
  expect(seen[0]).toMatchObject({
    answer: { model: 'fake-model-1', choices: [{ text: expect.stringContaining('query') }] },
    provenance: { endpoint: server.url, tries: 1, identity: { served: 'fake' }, at: expect.any(String) },
  })
})

test('more rows than an array may have go into arrays one after the other, each row once', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 4)
  const seams = { limits: { rows: 20, array: 60, least: 1 }, paces: { gather: 5, look: 20, poll: 20, late: 200 } }
  const { summary } = await made.runShards([...passages(200), ...passages(200)], arrays, {}, seams)
  expect(summary.counts.pairs).toBe(400)
  expect(server.requests).toHaveLength(200)
  expect(made.requests).toEqual({ sent: 200, cached: 200, failed: 0 })
  expect(arrays.arrays.map(({ tasks }) => tasks)).toEqual([4, 4, 4, 4])
  expect(left(arrays.folder)).toEqual([])
})

test('what follows from answers is asked for in further arrays', async () => {
  const half = () =>
    fakeOpenai(({ before, body, text }) => ({
      answer: (body.seed + text.length + before) % 2 === 0 ? '{"query": "fits"}' : 'no JSON',
    }))
  const schema = '{type: object, required: [query], properties: {query: {type: string}}}'
  const prompt = `{mode: completion, user: "Passage: {{text}}\\nQuery:", schema: ${schema}}`
  const alone = shardBench((await half()).url, { prompt })
  const expected = await alone.run(passages(40), { parse_attempts: 4 })
  expect(alone.requests.sent).toBeGreaterThan(40)
  const server = await half()
  const made = shardBench(server.url, { prompt })
  const arrays = arraysHere(server.url, 4)
  const found = await made.runShards(passages(40), arrays, { parse_attempts: 4 })
  expect(found.text('pairs', 'pairs.jsonl')).toBe(expected.text('pairs', 'pairs.jsonl'))
  expect(made.requests).toEqual({ sent: alone.requests.sent, cached: 0, failed: 0 })
  expect(arrays.arrays.length).toBeGreaterThan(1)
})

test('requests that a server refuses or fails end as they do without tasks', async () => {
  const server = await fakeOpenai(({ text }) => {
    if (text.includes('passage 3\n')) return { status: 400, body: { error: { message: 'maximum context length' } } }
    return text.includes('passage 5\n') ? { status: 500 } : { answer: 'a query' }
  })
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  const { summary } = await made.runShards(passages(10), arrays, { allow_failed: 1, retries: 2 })
  expect(summary.counts).toMatchObject({ pairs: 8, refused: 1, failed: 1 })
  expect(summary.incomplete).toBe(1)
  expect(summary.warnings?.join()).toMatch(/refused for good: .*maximum context length.*failed .*HTTP 500/)
  expect(made.requests).toEqual({ sent: 12, cached: 0, failed: 1 })
  await expect(made.runShards(passages(10), arrays, { retries: 0 })).rejects.toThrow(
    '1 of 10 requests failed: HTTP 500',
  )
  // The refusal is never sent again, the failure is.
  expect(made.requests.sent).toBe(1)
})

test('a lost task is submitted again for the rows that it had no answer to', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 4)
  const { layout } = arrays
  let attempts = 0
  let kept = 0
  // What the first attempt wrote is seen when the second goes over it.
  arrays.layout = (folder) => {
    const paths = layout(folder)
    return { ...paths, attempts: (task) => (task === 2 && attempts < 2 ? [] : paths.attempts(task)) }
  }
  arrays.onTask = async (task, _, work, folder) => {
    if (task !== 2 || ++attempts > 1) return work()
    await work()
    // As a kill leaves it: some answers, and half a line.
    const lines = readFileSync(join(folder, 'answers.jsonl'), 'utf8').split('\n')
    kept = Math.floor(lines.length / 2)
    writeFileSync(join(folder, 'answers.jsonl'), `${lines.slice(0, kept).join('\n')}\n${lines[kept]?.slice(0, 40)}`)
    server.requests.length -= lines.length - 1 - kept
    throw lost
  }
  const { summary } = await made.runShards(passages(80), arrays)
  expect(summary.counts.pairs).toBe(80)
  expect(summary.warnings?.join()).toMatch(/task 2 of generate ended with exit status 1.* it is submitted again/)
  expect(arrays.submissions).toEqual([[0, 1, 2, 3], [2]])
  expect(kept).toBeGreaterThan(2)
  expect(server.requests).toHaveLength(80)
  expect(made.requests.sent).toBe(80)
})

test('a task that never brings anything is given up with what it said, and everything else is kept', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 4)
  arrays.onTask = async (task, _, work) => {
    if (task === 1) throw new Error('exit 1')
    await work()
  }
  await expect(made.runShards(passages(80), arrays)).rejects.toThrow(
    'task 1 of generate ended with exit status 1 (0 of its rows are answered)',
  )
  expect(arrays.submissions).toEqual([[0, 1, 2, 3], [1], [1]])
  const { sent } = made.requests
  arrays.onTask = (_, __, work) => work()
  await made.runShards(passages(80), arrays)
  expect(made.requests).toEqual({ sent: 80 - sent, cached: sent, failed: 0 })
  expect(server.requests).toHaveLength(80)
  expect(left(arrays.folder)).toEqual([])
})

test('what every task would meet with ends the node at once, in its own words', async () => {
  const server = await fakeOpenai(() => ({ status: 401, body: { error: { message: 'bad key' } } }))
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  await expect(made.runShards(passages(10), arrays)).rejects.toMatchObject({
    message: expect.stringMatching(/task \d of generate gave up: .*refuses requests: HTTP 401: bad key/),
    advice: expect.stringContaining('API key'),
    transient: false,
  })
  expect(arrays.submissions).toHaveLength(1)
})

test('answers that nobody asked for are refused, and told of', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  arrays.onTask = async (_, __, work, folder) => {
    const asked = JSON.parse(readFileSync(join(folder, '../../requests.jsonl'), 'utf8').split('\n')[0] ?? '')
    const answer = { response: { status_code: 200, body: { choices: [{ text: 'forged' }] } }, line: 0, request: '00' }
    const lines = [
      'not JSON',
      '{"custom_id": 1}',
      JSON.stringify({ ...answer, custom_id: asked.custom_id.replace(/:.{8}/, ':00000000') }),
      JSON.stringify({ ...answer, custom_id: asked.custom_id }),
      JSON.stringify({ ...answer, custom_id: asked.custom_id, line: 100_000 }),
      JSON.stringify({ ...answer, custom_id: asked.custom_id, line: -1 }),
    ]
    const other = join(folder, '../000')
    mkdirSync(other, { recursive: true })
    writeFileSync(join(other, 'answers.jsonl'), `${lines.join('\n')}\n`)
    await work()
  }
  const { summary, text } = await made.runShards(passages(20), arrays)
  expect(summary.counts).toMatchObject({ pairs: 20, failed: 0 })
  expect(text('pairs', 'pairs.jsonl')).not.toContain('forged')
  expect(made.requests.sent).toBe(20)
  expect(summary.warnings?.join()).toBe('what a task wrote is not taken: a line that is no answer')
})

test('answers of tasks that threads read are no savings', async () => {
  const server = await answering()
  const made = shardBench(server.url, { seams: { worthThreads: 1 } })
  const arrays = arraysHere(server.url, 2)
  const rows = passages(300)
  const first = await made.runShards(rows, arrays)
  expect(made.requests).toEqual({ sent: 300, cached: 0, failed: 0 })
  // The keys of its requests are remembered now, and some answers are stored.
  made.rows = openRowStore(join(temporaryFolder(), 'rows'))
  onTestFinished(() => made.rows.close())
  await made.runShards(rows.slice(0, 20), arrays)
  const again = await made.runShards(rows, arrays)
  expect(again.text('pairs', 'pairs.jsonl')).toBe(first.text('pairs', 'pairs.jsonl'))
  expect(made.requests).toEqual({ sent: 280, cached: 20, failed: 0 })
})

test('two copies of one task can harm nothing: the first complete answer counts', async () => {
  const server = await fakeOpenai(({ before, text }) => ({ answer: `answer ${before} to ${text.length}` }))
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  const copies: Promise<void>[] = []
  arrays.onTask = async (task, _, work, folder) => {
    if (task !== 0) return work()
    // The machine is thought to be lost; its process goes on, and ends well at last, unless its folder is gone by then.
    if (copies.length === 0) {
      const late = (): void => void mkdirSync(join(folder, 'late'), { recursive: true })
      copies.push(
        work()
          .then(late)
          .catch(() => {}),
      )
      throw lost
    }
    await work()
  }
  const { summary } = await made.runShards(passages(40), arrays)
  await Promise.all(copies)
  expect(summary.counts).toMatchObject({ pairs: 40, failed: 0 })
  expect(made.requests.sent).toBeGreaterThanOrEqual(40)
  expect(made.requests.sent).toBeLessThanOrEqual(server.requests.length)
})

test('a result that comes late through a slow folder is waited for', async () => {
  const server = await answering()
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  const { submit } = arrays
  const { layout } = arrays
  const hiddenUntil = new Map<string, number>()
  arrays.submit = async (array, tasks) => {
    hiddenUntil.set(array.folder, performance.now() + 150)
    return submit(array, tasks)
  }
  arrays.layout = (folder) => {
    const paths = layout(folder)
    const isHidden = (): boolean => performance.now() < (hiddenUntil.get(folder) ?? 0)
    return {
      ...paths,
      attempts: (task) => (isHidden() ? [] : paths.attempts(task)),
      result: (task) => (isHidden() ? join(folder, 'not yet') : paths.result(task)),
    }
  }
  const { summary } = await made.runShards(passages(40), arrays)
  expect(summary.counts.pairs).toBe(40)
  expect(arrays.submissions).toHaveLength(1)
  expect(server.requests).toHaveLength(40)
})

test('an interrupted node ends its tasks and keeps what they were answered', async () => {
  let held = 0
  const server = await fakeOpenai(async ({ text }) => {
    if (Number(/\d+/.exec(text)?.[0]) >= 20) await waitFor(() => ++held < 0)
    return { answer: 'a query' }
  })
  const made = shardBench(server.url)
  const arrays = arraysHere(server.url, 2)
  const running = made.runShards(passages(40), arrays)
  await waitFor(() => made.requests.sent === 20 && held > 0)
  made.drain.abort(new Error('interrupted'))
  await expect(running).rejects.toThrow('interrupted')
  expect(left(arrays.folder)).toEqual([])
  const stored = await made.rows.known([])
  expect(stored.size).toBe(0)
})
