import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { processorDeadline } from '../../../engine/util/processor-deadline.ts'

/** Works for so long as the processor counts it, letting timers run. */
async function work(ms: number): Promise<void> {
  const used = process.cpuUsage()
  const spent = (): number => {
    const { user, system } = process.cpuUsage(used)
    return (user + system) / 1000
  }
  while (spent() < ms) {
    for (let i = 0; i < 1e5; i++) Math.sqrt(i)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('it comes by work, not by waiting, and not after its end', async () => {
  const waiting = processorDeadline(60_000)
  await pause(200)
  expect(waiting.signal.aborted).toBe(false)
  waiting.end()
  const working = processorDeadline(50)
  const ended = processorDeadline(50)
  ended.end()
  await work(200)
  await pause(100)
  expect(working.signal.aborted).toBe(true)
  expect(working.signal.reason).toMatchObject({ name: 'TimeoutError' })
  expect(ended.signal.aborted).toBe(false)
})
