import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { Random } from '../../../stages/train/random.ts'

beforeAll(loadXxh)

describe('random numbers', () => {
  it('are the same for the same seed, everywhere and always', () => {
    const random = new Random('train:init:1')
    expect([random.next(), random.next(), random.next(), random.next()]).toEqual([
      3079257128, 2650923037, 2013238227, 110540187,
    ])
  })

  it('stay below their limit and reach all of it', () => {
    const random = new Random('x')
    const seen = new Set(Array.from({ length: 1000 }, () => random.below(7)))
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('have mean 0 and variance 1/3 when signed', () => {
    const random = new Random('y')
    const drawn = Array.from({ length: 100_000 }, () => random.signed())
    const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length
    const variance = drawn.reduce((sum, x) => sum + x * x, 0) / drawn.length
    expect(Math.abs(mean)).toBeLessThan(0.01)
    expect(Math.abs(variance - 1 / 3)).toBeLessThan(0.01)
  })
})
