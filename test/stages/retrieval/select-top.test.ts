import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TopSelection } from '../../../stages/retrieval/select-top.ts'
import { TopK } from '../../../stages/retrieval/top-k.ts'

it('keeps what TopK keeps, in its order, whatever the ties and the order of arrival', () => {
  const score = fc.oneof(
    fc.constantFrom(0.5, 0.50000000001, 1, 2 ** -140),
    fc.double({ min: 1e-12, max: 1e9, noNaN: true }),
  )
  fc.assert(
    fc.property(fc.array(score, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (scores, k) => {
      for (const collected of [k + 1, 2 * k, undefined]) {
        const ids = scores.map((_, i) => `${(i * 7) % 60}\u{1f600}`)
        const top = new TopK(k)
        const selection = new TopSelection(ids, k, collected)
        for (const [i, value] of scores.entries()) {
          top.push(ids[i]!, value)
          selection.push(i, value)
        }
        expect(selection.take()).toEqual(top.take())
      }
    }),
    { seed: 3, numRuns: 2000 },
  )
})
