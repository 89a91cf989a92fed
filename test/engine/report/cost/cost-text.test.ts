import { expect, test } from 'vitest'
import { projectionText } from '../../../../engine/report/cost/cost-text.ts'

test('the bounds of an encoding are told to be what they are, and no interval', () => {
  const seconds = { value: 2520, low: 480, high: 2520, observations: 6 }
  const text = projectionText({
    passages: 100_000,
    generators: [],
    encoding: [
      { stage: 'scores', seconds, unknown: [] },
      { stage: 'once', seconds: { value: 60, low: null, high: null, observations: 1 }, unknown: [] },
    ],
    training: [{ stage: 'retriever', seconds: { value: 60, low: 30, high: 120, observations: 3 }, unknown: [] }],
    passage_bytes: null,
    totals: [],
  })
  expect(text).toContain(
    'scores (encoding and search): 42 min [8 min – 42 min], from 6 runs, in brackets the fastest and the slowest\n',
  )
  expect(text).toContain('once (encoding and search): 1 min [interval not known], from 1 run\n')
  expect(text).toContain('retriever (training, once over the pairs): 1 min [30 s – 2 min], from 3 runs\n')
})
