import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CanonicalValue, canonicalBytes, compareUtf8 } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'

fc.configureGlobal({ seed: 20260101, numRuns: 300 })

const value = fc.letrec<{ value: CanonicalValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 4 }),
  ),
})).value

/** The same value with the members of every map written in another order. */
function permuted(value: CanonicalValue, turn: number): CanonicalValue {
  if (Array.isArray(value)) return value.map((item) => permuted(item, turn))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as { [name: string]: CanonicalValue })
  const at = entries.length > 0 ? turn % entries.length : 0
  const turned = [...entries.slice(at), ...entries.slice(0, at)].reverse()
  return Object.fromEntries(turned.map(([name, member]) => [name, permuted(member, turn)]))
}

describe('canonical bytes', () => {
  test('do not depend on the order in which maps were written', () => {
    fc.assert(
      fc.property(value, fc.nat(7), (a, turn) => {
        expect(canonicalBytes('t', permuted(a, turn))).toEqual(canonicalBytes('t', a))
      }),
    )
  })

  test('are equal for equal values only', () => {
    // JSON with sorted names is injective on these values once -0 is taken for 0.
    const text = (a: CanonicalValue): string =>
      JSON.stringify(a, (_, member) =>
        typeof member === 'object' && member !== null && !Array.isArray(member)
          ? Object.fromEntries(Object.entries(member).sort(([x], [y]) => (x < y ? -1 : 1)))
          : member,
      )
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(canonicalBytes('t', a).equals(canonicalBytes('t', b))).toBe(text(a) === text(b))
      }),
    )
  })

  test.each([
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ],
    [[['a'], 'b'], [['a', 'b']]],
    ['1', 1],
    [null, 'null'],
    [[], {}],
    [[null], []],
    [{ a: 1, b: 2 }, [{ a: 1 }, { b: 2 }]],
    [{ 'a;s1:b': 1 }, { a: 1, b: 1 }],
    ['é', 'e\u0301'],
    [true, 1],
    [0.1 + 0.2, 0.3],
  ] as [CanonicalValue, CanonicalValue][])('tell %j from %j', (a, b) => {
    expect(canonicalBytes('t', a)).not.toEqual(canonicalBytes('t', b))
  })

  test('separate domains, also by their borders', () => {
    expect(canonicalBytes('row', 'x')).not.toEqual(canonicalBytes('action', 'x'))
    expect(canonicalBytes('a', 's1:b;')).not.toEqual(canonicalBytes('a:1', 'b'))
  })

  test.each([
    [-0, 0],
    [1.0, 1],
    [1e21, 1000000000000000000000],
    [0x10, 16],
    [1e-7, 0.0000001],
  ])('write the number %d in one form', (a, b) => {
    expect(canonicalBytes('t', a)).toEqual(canonicalBytes('t', b))
  })

  test('keep every double apart', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(double, double, (a, b) => {
        expect(canonicalBytes('t', a).equals(canonicalBytes('t', b))).toBe(a === b)
      }),
    )
  })

  test('take an undefined member for one that is not there', () => {
    expect(canonicalBytes('t', { a: 1, b: undefined })).toEqual(canonicalBytes('t', { a: 1 }))
  })

  test.each([
    ['NaN', Number.NaN],
    ['an infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['a date', new Date(0)],
    ['a map', new Map([['a', 1]])],
    ['bytes', Buffer.from('a')],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['undefined in a list', [undefined]],
  ])('are refused for %s', (_, bad) => {
    expect(() => canonicalBytes('t', bad as CanonicalValue)).toThrow(TypeError)
  })

  test('stay what they were when this was written (a change makes every stored result stale)', () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/keys/canonical.json', import.meta.url), 'utf8')) as {
      domain: string
      value: CanonicalValue
      bytes: string
      digest: string
    }[]
    expect(golden.length).toBeGreaterThan(0)
    for (const { domain, value, bytes, digest } of golden) {
      expect(canonicalBytes(domain, value).toString('utf8')).toBe(bytes)
      expect(sha256(canonicalBytes(domain, value))).toBe(digest)
    }
  })
})

describe('compareUtf8', () => {
  test('orders as the UTF-8 bytes do', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('a', 'é', '\uffff', '\ue000', '😀', '𐀀'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
    })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
  })

  test('puts what lies beyond the basic plane last, unlike <', () => {
    expect('\uffff' < '😀').toBe(false)
    expect(compareUtf8('\uffff', '😀')).toBeLessThan(0)
  })
})
