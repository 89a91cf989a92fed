import { availableParallelism } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ModelEndpoint } from '../../../stages/define.ts'
import { modelClient } from '../../../stages/generate/client.ts'
import { dispatchPoster, type Poster, type PostTarget } from '../../../stages/generate/poster.ts'
import { ThreadPoster } from '../../../stages/generate/thread-poster.ts'
import { type FakeOpenai, fakeOpenai, type Reaction } from '../../rig/fake-openai.ts'
import { waitFor } from '../../rig/wait-for.ts'

const POSTERS: [string, (target: PostTarget) => Poster][] = [
  ['here', dispatchPoster],
  ['in a thread', (target) => new ThreadPoster(target)],
]

function opened(open: (target: PostTarget) => Poster, baseUrl: string, deadlineMs = 120_000): Poster {
  const poster = open({ baseUrl, apiKey: 'sk-of-the-test', deadlineMs })
  onTestFinished(() => poster.close())
  return poster
}

/** A server that does what the prompt says. */
const obedient = (): Promise<FakeOpenai> => fakeOpenai(({ text }): Reaction => JSON.parse(text))

const asking = (reaction: Reaction): string => JSON.stringify({ prompt: JSON.stringify(reaction) })

test.each(POSTERS)('what becomes of a request that is posted %s', async (_, open) => {
  const server = await obedient()
  const [poster, hasty] = [opened(open, server.url), opened(open, server.url, 500)]
  const { signal } = new AbortController()
  const post = (reaction: Reaction, by = poster) => by.post('/completions', asking(reaction), signal)
  const [answered, limited, refused, late, cut] = await Promise.all([
    post({ answer: 'a query', headers: { 'x-ratelimit-limit-requests': '60', 'x-other': 'no' } }),
    post({ status: 429, headers: { 'retry-after': '7' } }),
    post({ status: 400, body: 'no' }),
    post({ fault: 'stall' }, hasty),
    post({ fault: 'disconnect' }),
  ])
  expect(answered).toMatchObject({ kind: 'response', status: 200, headers: { 'x-ratelimit-limit-requests': '60' } })
  expect(Object.keys((answered as { headers?: object }).headers ?? {})).toEqual(['x-ratelimit-limit-requests'])
  expect(JSON.parse((answered as { text: string }).text).choices[0].text).toBe('a query')
  expect(limited).toMatchObject({ kind: 'response', status: 429, headers: { 'retry-after': '7' } })
  expect(refused).toEqual({ kind: 'response', status: 400, text: '"no"' })
  expect(late).toEqual({ kind: 'late' })
  expect(cut).toMatchObject({ kind: 'broken', code: 'UND_ERR_SOCKET', message: expect.any(String) })
  expect(server.requests.length).toBeGreaterThanOrEqual(4)
  expect(server.requests[0]?.headers.authorization).toBe('Bearer sk-of-the-test')
  await server.die()
  // What is posted before a connection's end is noticed meets with that.
  for (let code: unknown; code !== 'ECONNREFUSED'; ) {
    const never = await post({ answer: 'never' })
    expect(never).toMatchObject({ kind: 'broken' })
    ;({ code } = never as { code?: unknown })
  }
})

test.each(POSTERS)('what is posted %s ends with the signal', async (_, open) => {
  const server = await obedient()
  const poster = opened(open, server.url)
  const stop = new AbortController()
  const posted = Promise.all([0, 1].map(() => poster.post('/completions', asking({ fault: 'hang' }), stop.signal)))
  await waitFor(() => server.requests.length === 2)
  stop.abort()
  expect(await posted).toEqual([{ kind: 'interrupted' }, { kind: 'interrupted' }])
})

test('a thread that is closed breaks off what it has in hand, once', async () => {
  const server = await obedient()
  const poster = opened((target) => new ThreadPoster(target), server.url)
  const posted = poster.post('/completions', asking({ fault: 'hang' }), new AbortController().signal)
  await waitFor(() => server.requests.length === 1)
  await poster.close()
  expect(await posted).toMatchObject({ kind: 'broken' })
})

test.skipIf(availableParallelism() === 1)('a fast server is asked from a thread, a slower one never', async () => {
  const posted = vi.spyOn(ThreadPoster.prototype, 'post')
  onTestFinished(() => posted.mockRestore())
  const server = await obedient()
  const endpoint = { baseUrl: server.url, apiKey: '', model: 'fake' } as unknown as ModelEndpoint
  const request = { key: 'k' as never, path: '/completions' as const, body: { prompt: '{"answer":"q"}' } }
  const { signal } = new AbortController()
  const slow = modelClient(endpoint, 5000, { requests: 2, perSecond: Number.POSITIVE_INFINITY })
  const fast = modelClient(endpoint, 5000, { requests: 2, perSecond: 0 })
  onTestFinished(async () => void (await Promise.all([slow.close(), fast.close()])))
  for (let i = 0; i < 4; i++) expect(await slow.send(request, signal)).toMatchObject({ sent: true, answer: {} })
  expect(posted).not.toHaveBeenCalled()
  while (posted.mock.calls.length === 0)
    expect(await fast.send(request, signal)).toMatchObject({ sent: true, answer: { choices: [{ text: 'q' }] } })
})
