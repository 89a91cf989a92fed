import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Budget, type Reservation } from '../../../stages/models/budget.ts'

const forever = new AbortController().signal

test('what is spent never exceeds the limit, whatever the order of answers, and most of it is used', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.infiniteStream(fc.nat(9)),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      async (draws, perByte) => {
        const budget = new Budget('x', 10, { input: 10_000, output: 20_000 })
        const open: { reservation: Reservation; bytes: number }[] = []
        let spent = 0
        let ended = false
        while (!ended) {
          const bytes = 4 + draws.next().value
          const settleOne = (): void => {
            const one = open.splice(draws.next().value % open.length, 1)[0]
            if (!one) return
            const used = { input: Math.floor(one.bytes * perByte), output: draws.next().value % 5 }
            spent += (used.input * 10_000 + used.output * 20_000) / 1e6
            one.reservation.settle(used)
          }
          const wanted = budget.reserve(bytes, 5, forever).then(
            (reservation) => open.push({ reservation, bytes }),
            () => {
              ended = true
            },
          )
          while (
            open.length > 3 ||
            (await Promise.race([wanted.then(() => false), new Promise((r) => setImmediate(() => r(open.length > 0)))]))
          )
            settleOne()
          await wanted
          expect(spent).toBeLessThanOrEqual(10)
        }
        expect(spent).toBeGreaterThan(9)
      },
    ),
    { numRuns: 20, seed: 3 },
  )
})

test('an answer that does not say what it used counts as the most, one that was not sent as nothing', async () => {
  const budget = new Budget('model m', 1, { output: 100_000 })
  ;(await budget.reserve(10, 5, forever)).back()
  ;(await budget.reserve(10, 5, forever)).settle(undefined)
  ;(await budget.reserve(10, 5, forever)).settle({ input: 3, output: 5 })
  await expect(budget.reserve(10, 1, forever)).rejects.toMatchObject({
    message: 'the spending limit of 1 for model m is reached: 1.0000 was spent in this run',
    advice: expect.stringContaining('Every answer so far is kept'),
  })
})
