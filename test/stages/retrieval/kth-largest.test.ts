import fc from 'fast-check'
import { expect, it } from 'vitest'
import { kthLargest } from '../../../stages/retrieval/kth-largest.ts'

it('is the number at that place of the sorted ones, also among equal and infinite numbers', () => {
  const number = fc.oneof(
    fc.constantFrom(-1, 0, 0.5, 2, Number.NEGATIVE_INFINITY),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 60 }), fc.nat(), (given, at) => {
      const numbers = Float32Array.from(given)
      const place = at % numbers.length
      const sorted = [...numbers].sort((a, b) => b - a)
      expect(kthLargest(numbers, place + 1)).toBe(sorted[place])
    }),
    { seed: 5, numRuns: 500 },
  )
})
