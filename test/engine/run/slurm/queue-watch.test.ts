import { expect, onTestFinished, test, vi } from 'vitest'
import { QueueWatch } from '../../../../engine/run/slurm/queue-watch.ts'
import type { CallSlurm } from '../../../../engine/run/slurm/slurm-commands.ts'

const LINE = '1_0|2|RUNNING|None|n1|name|\n'
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A Slurm that answers as it is told to. */
function slurm(answer: () => Awaited<ReturnType<CallSlurm>>, takesMs = 0): { call: CallSlurm; calls(): number } {
  let calls = 0
  const call: CallSlurm = async () => {
    calls++
    await pause(takesMs)
    return answer()
  }
  return { call, calls: () => calls }
}

test('however many look at the same time, one call is made', async () => {
  const { call, calls } = slurm(() => ({ kind: 'answer', text: LINE }), 20)
  const watch = new QueueWatch(call, () => {}, { leastMs: 1_000, mostMs: 2_000 })
  const seen = await Promise.all(Array.from({ length: 50 }, () => watch.look()))
  expect(seen.every((snapshot) => snapshot?.rows.length === 1)).toBe(true)
  expect(calls()).toBe(1)
})

test('a queue that is slow to answer is asked more rarely', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { call, calls } = slurm(() => ({ kind: 'answer', text: LINE }), 100)
  const watch = new QueueWatch(call, () => {}, { leastMs: 1, mostMs: 10 })
  const first = watch.look()
  await vi.advanceTimersByTimeAsync(100)
  await first
  // Five times what it took must pass first: every look until then gives what is known.
  await vi.advanceTimersByTimeAsync(499)
  expect((await watch.look())?.rows).toHaveLength(1)
  expect(calls()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  const second = watch.look()
  await vi.advanceTimersByTimeAsync(100)
  await second
  expect(calls()).toBe(2)
})

test('while Slurm is away what it said last stands; it is told once, and when it answers again', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  let isAway = false
  const { call } = slurm(() =>
    isAway ? { kind: 'away', message: 'Unable to contact slurm controller' } : { kind: 'answer', text: LINE },
  )
  const notes: string[] = []
  const watch = new QueueWatch(call, (note) => notes.push(note), { leastMs: 1, mostMs: 1 })
  const look = async (): Promise<number | undefined> => {
    const looking = watch.look()
    await vi.advanceTimersByTimeAsync(10)
    return (await looking)?.rows.length
  }
  await look()
  isAway = true
  for (let i = 0; i < 3; i++) expect(await look()).toBe(1)
  expect(notes).toEqual(['Slurm does not answer, what it runs goes on: Unable to contact slurm controller'])
  isAway = false
  vi.useRealTimers()
  expect((await watch.fresh(new AbortController().signal)).rows).toHaveLength(1)
  expect(notes.at(-1)).toBe('Slurm answers again')
})

test('waiting for an answer ends with the signal', async () => {
  const { call } = slurm(() => ({ kind: 'away', message: 'Socket timed out' }))
  const watch = new QueueWatch(call, () => {}, { leastMs: 60_000, mostMs: 60_000 })
  const abort = new AbortController()
  const waiting = watch.fresh(abort.signal)
  setTimeout(() => abort.abort(new Error('interrupted')), 20)
  await expect(waiting).rejects.toThrow('interrupted')
})
