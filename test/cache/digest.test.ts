import { describe, expect, test } from 'vitest'
import { hexOf, isSha256, sha256, sha256Stream } from '../../cache/digest.ts'

describe('sha256', () => {
  test('is that of FIPS 180-4, written with its name', () => {
    expect(sha256('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(sha256('')).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  test('takes a text as its UTF-8 bytes', () => {
    expect(sha256('ä😀')).toBe(sha256(Buffer.from('ä😀', 'utf8')))
  })

  test('is the same in pieces', () => {
    const running = sha256Stream()
    running.update('a')
    running.update(Buffer.from('bc'))
    expect(running.digest()).toBe(sha256('abc'))
  })
})

describe('isSha256', () => {
  test('accepts digests and nothing else', () => {
    const digest = sha256('abc')
    expect(isSha256(digest)).toBe(true)
    expect(digest).toBe(`sha256:${hexOf(digest)}`)
    for (const bad of [hexOf(digest), digest.toUpperCase(), `${digest}0`, `${digest}\n`, digest.slice(1), 1, null]) {
      expect(isSha256(bad)).toBe(false)
    }
  })
})
