import { expect, test } from 'vitest'
import { Limiter, type Slot } from '../../../stages/generate/limiter.ts'

const forever = new AbortController().signal

async function take(limiter: Limiter, count: number): Promise<Slot[]> {
  return Promise.all(Array.from({ length: count }, () => limiter.acquire(forever)))
}

test('no more slots than the limit are out at once, and waiters come in order', async () => {
  const limiter = new Limiter(2)
  const [first] = await take(limiter, 2)
  const order: string[] = []
  const later = limiter.acquire(forever).then((slot) => {
    order.push('later')
    return slot
  })
  const retried = limiter.acquire(forever, true).then((slot) => {
    order.push('retried')
    return slot
  })
  await Promise.resolve()
  expect(order).toEqual([])
  first!.succeeded()
  ;(await retried).released()
  await later
  expect(order).toEqual(['retried', 'later'])
})

test('a streak of successes as long as the limit adds one slot, up to the most', async () => {
  const limiter = new Limiter(3, 1)
  const limits: number[] = []
  for (let i = 0; i < 7; i++) {
    const [slot] = await take(limiter, 1)
    slot!.succeeded()
    limits.push(limiter.limit)
  }
  expect(limits).toEqual([2, 2, 3, 3, 3, 3, 3])
})

test('an overload halves the slots once for a burst, never below one', async () => {
  const limiter = new Limiter(8)
  for (const slot of await take(limiter, 4)) slot.overloaded()
  expect(limiter.limit).toBe(4)
  for (let i = 0; i < 4; i++) (await take(limiter, 1))[0]!.overloaded()
  expect(limiter.limit).toBe(1)
})

test('nobody starts before the wait that the server asked for is over', async () => {
  const limiter = new Limiter(4)
  const [slot] = await take(limiter, 1)
  const asked = performance.now()
  slot!.overloaded(30)
  await take(limiter, 1)
  expect(performance.now() - asked).toBeGreaterThanOrEqual(29)
})

test('a waiter whose signal aborts leaves the queue with the reason', async () => {
  const limiter = new Limiter(1)
  const [slot] = await take(limiter, 1)
  const controller = new AbortController()
  const waiting = limiter.acquire(controller.signal)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(limiter.acquire(controller.signal)).rejects.toThrow('enough')
  slot!.released()
  expect((await take(limiter, 1)).length).toBe(1)
})
