import { expect, test } from 'vitest'
import { attempts } from '../../../engine/run/attempts.ts'

const retry = (times: number) => ({ attempts: times, backoffMs: 1 })
const signals = (): { drain: AbortController; kill: AbortController } => ({
  drain: new AbortController(),
  kill: new AbortController(),
})
const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))

test('an attempt that runs out of time fails with its limit, and the next one has all of its own', async () => {
  const { drain, kill } = signals()
  const retries: unknown[] = []
  let calls = 0
  const node = { retry: retry(3), timeoutMs: 20 }
  const result = await attempts(
    node,
    { drain: drain.signal, kill: kill.signal },
    async (signal) => (++calls < 3 ? hang(signal) : 'done'),
    (next, failure, waitMs) => retries.push([next, (failure as Error).message, waitMs]),
  )
  expect(result).toBe('done')
  expect(retries).toEqual([
    [2, 'ran past its time limit of 0.02 s', 1],
    [3, 'ran past its time limit of 0.02 s', 2],
  ])
})

test('a limit longer than timers can hold is no limit', async () => {
  const { drain, kill } = signals()
  const node = { retry: retry(1), timeoutMs: 90 * 24 * 3_600_000 }
  const slow = async (signal: AbortSignal): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    signal.throwIfAborted()
    return 'done'
  }
  expect(await attempts(node, { drain: drain.signal, kill: kill.signal }, slow, () => {})).toBe('done')
})

test('the kill ends an attempt with its own reason, and nothing is tried again once the run drains', async () => {
  const { drain, kill } = signals()
  const reason = new Error('interrupted')
  const running = attempts(
    { retry: retry(5), timeoutMs: 60_000 },
    { drain: drain.signal, kill: kill.signal },
    hang,
    () => {
      throw new Error('tried again')
    },
  )
  drain.abort(reason)
  kill.abort(reason)
  await expect(running).rejects.toBe(reason)
})

test('a pause before the next attempt ends with the drain', async () => {
  const { drain, kill } = signals()
  const reason = new Error('interrupted')
  let calls = 0
  const running = attempts(
    { retry: { attempts: 2, backoffMs: 3_600_000 } },
    { drain: drain.signal, kill: kill.signal },
    async () => {
      calls++
      throw new Error('failed')
    },
    () => setImmediate(() => drain.abort(reason)),
  )
  await expect(running).rejects.toBe(reason)
  expect(calls).toBe(1)
})

test('a pause longer than timers can hold is not left out', async () => {
  const { drain, kill } = signals()
  const waits: number[] = []
  let calls = 0
  const running = attempts(
    { retry: { attempts: 9, backoffMs: 30 * 24 * 3_600_000 } },
    { drain: drain.signal, kill: kill.signal },
    async () => {
      calls++
      throw new Error('failed')
    },
    (_next, _failure, waitMs) => waits.push(waitMs) && setTimeout(() => drain.abort(new Error('interrupted')), 100),
  )
  await expect(running).rejects.toThrow('interrupted')
  expect(calls).toBe(1)
  expect(waits).toEqual([2 ** 31 - 1])
})
