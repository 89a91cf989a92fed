import { describe, expect, it } from 'vitest'
import { defaultVocabularySize } from '../../../stages/train/corpus-tokenizer.ts'
import { rateAt, scheduleFor } from '../../../stages/train/schedule.ts'

describe('the default schedule', () => {
  it.each([
    // rows, batch, steps, learning rate
    [0, 0, 0, 0],
    [5, 5, 200, 0.0168],
    [60, 8, 200, 0.0212],
    [240, 30, 200, 0.0411],
    [919, 114, 200, 0.0801],
    [5_000, 256, 200, 0.12],
    [17_066, 256, 200, 0.12],
    [100_000, 256, 1172, 0.12],
  ])('grows with the data: %i rows', (rows, batch, steps, learningRate) => {
    expect(scheduleFor(rows, {})).toMatchObject({ batch, steps })
    expect(scheduleFor(rows, {}).learningRate).toBeCloseTo(learningRate, 4)
  })

  it('has one learning rate for one batch, whatever the number of rows', () => {
    expect(scheduleFor(100, { batch: 64 }).learningRate).toBe(scheduleFor(10_000, { batch: 64 }).learningRate)
    expect(scheduleFor(1000, {}, 2e-5).learningRate).toBe(2e-5)
  })

  it('keeps to what was asked for', () => {
    expect(scheduleFor(1000, { batch: 50, budget: { steps: 7 } })).toMatchObject({ batch: 50, steps: 7 })
    expect(scheduleFor(1000, { batch: 50, budget: { epochs: 2.5 } })).toMatchObject({ steps: 50 })
    expect(scheduleFor(1000, { batch: 64, budget: { samples_seen: 1000 } })).toMatchObject({ steps: 16 })
    expect(scheduleFor(1000, { budget: { steps: 0 } })).toMatchObject({ steps: 0 })
    expect(scheduleFor(1000, { learning_rate: 0.5, curve_every: 3 })).toMatchObject({
      learningRate: 0.5,
      curveEvery: 3,
    })
  })

  it('never has a batch larger than the data', () => {
    expect(scheduleFor(3, { batch: 64 }).batch).toBe(3)
  })
})

describe('the learning rate', () => {
  it('rises over the warm-up and falls to just above 0', () => {
    const rates = Array.from({ length: 10 }, (_, step) => rateAt(step, 10, 0.2))
    expect(rates.map((rate) => rate.toFixed(3)).join(' ')).toBe(
      '0.333 0.667 1.000 0.875 0.750 0.625 0.500 0.375 0.250 0.125',
    )
    expect(Math.max(...rates)).toBe(1)
  })

  it('copes with no warm-up, only warm-up and one step', () => {
    expect(rateAt(0, 10, 0)).toBe(1)
    expect(rateAt(9, 10, 1)).toBeCloseTo(10 / 11)
    expect(rateAt(0, 1, 0.1)).toBe(1)
  })
})

describe('the default vocabulary', () => {
  it.each([
    [10, 512],
    [4_184, 523],
    [36_294, 4_536],
    [1_000_000, 8_192],
  ])('grows with the corpus: %i different words', (words, size) => {
    expect(defaultVocabularySize(words)).toBe(size)
  })
})
