import { describe, expect, it } from 'vitest'
import { batchesOf, piecesOf } from '../../../stages/encoders/batches.ts'

describe('batches', () => {
  const lengths = [3, 9, 3, 8, 9, 1, 40]

  it('hold so many tokens with their padding, longest first, and a longer row alone', () => {
    expect(batchesOf(lengths, 20, false)).toEqual([[6], [1, 4], [3, 0], [2, 5]])
  })

  it('hold rows of one length where nothing may be padded', () => {
    expect(batchesOf(lengths, 20, true)).toEqual([[6], [1, 4], [3], [0, 2], [5]])
    expect(batchesOf([], 20, true)).toEqual([])
  })
})

describe('pieces', () => {
  it('hold neighbours by length, so many texts and so many characters at most, and a longer text alone', () => {
    expect(piecesOf([50, 10, 9, 1, 1, 1, 1], { texts: 3, characters: 20 })).toEqual([[0], [1, 2, 3], [4, 5, 6]])
    expect(piecesOf([8, 8, 8], { texts: 3, characters: 20 })).toEqual([[0, 1], [2]])
    expect(piecesOf([], { texts: 3, characters: 20 })).toEqual([])
  })

  it('hold fewer long texts than short ones', () => {
    const size = { texts: 3, characters: 20, long: { from: 8, characters: 10 } }
    expect(piecesOf([9, 8, 7, 6, 5], size)).toEqual([[0], [1], [2, 3, 4]])
  })
})
