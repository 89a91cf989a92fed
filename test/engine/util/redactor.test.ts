import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hideCredentials } from '../../../engine/util/hide-credentials.ts'
import { redactor } from '../../../engine/util/redactor.ts'

function streamed(secrets: string[], pieces: readonly Buffer[]): string {
  const out: Buffer[] = []
  const stream = redactor(secrets)!.stream((bytes) => out.push(bytes))
  for (const piece of pieces) stream.push(piece)
  stream.end()
  return Buffer.concat(out).toString('utf8')
}

const secret = fc
  .string({ unit: 'grapheme', minLength: 6, maxLength: 24 })
  .filter((text) => text.trim().length >= 6 && !/[\n\r]/.test(text))
const noise = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed())

test('however bytes are cut into pieces, no secret comes through, and nothing else is lost', () => {
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 3 }),
      noise,
      noise,
      fc.array(fc.nat(200), { maxLength: 8 }),
      (secrets, a, b, cuts) => {
        const whole = Buffer.from(`${a}${secrets.map((one) => one.trim()).join(b)}${b}`)
        const places = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort(
          (x, y) => x - y,
        )
        const pieces = places.slice(1).map((end, i) => whole.subarray(places[i], end))
        const text = streamed(secrets, pieces)
        expect(text).toBe(streamed(secrets, [whole]))
        expect(text).toBe(redactor(secrets)!.text(whole.toString('utf8')))
        // What stars and noise make up together is chance.
        if (!secrets.some((one) => /[*]/.test(one)))
          for (const one of secrets) expect(text.replaceAll('***', '\0')).not.toContain(one.trim())
      },
    ),
    { seed: 3, numRuns: 500 },
  )
})

test('a longer secret that begins like another one is taken out as a whole, though it comes in pieces', () => {
  const pieces = ['x-abcdef', '-more', ' y'].map((text) => Buffer.from(text))
  expect(streamed(['abcdef', 'abcdef-more-of-it'], pieces)).toBe('x-***-more y')
  expect(streamed(['abcdef', 'abcdef-more'], pieces)).toBe('x-*** y')
})

test('a secret is found in base64 wherever it begins, in a URL and in JSON', () => {
  const value = 'pä"ss/word+é?x&y'
  const { text } = redactor([value])!
  expect(text(`u=${encodeURIComponent(value)}&v`)).toBe('u=***&v')
  expect(text(JSON.stringify({ value }))).toBe('{"value":"***"}')
  for (const before of ['', 'a', 'ab', 'user:']) {
    const encoded = Buffer.from(`${before}${value}\n`).toString('base64')
    const left = text(encoded)
    expect(left).toContain('***')
    // Of the value itself, two characters at either end are all that is left.
    expect(left.replace('***', '').length).toBeLessThanOrEqual(before.length + 12)
  }
})

test('names and values of JSON are looked through; short values are left alone', () => {
  expect(redactor(['secret-1'])!.value({ a: ['x secret-1', { 'secret-1': 1 }], b: null })).toEqual({
    a: ['x ***', { '***': 1 }],
    b: null,
  })
  expect(redactor(['short', '', ' 12345 '])).toBeUndefined()
})

test('credentials in addresses are starred, and every column stays where it is', () => {
  const line = "endpoint: 'https://user:p@ss@host/v1?api_key=abc&x=1#top' # http://plain/@x"
  expect(hideCredentials(line)).toBe("endpoint: 'https://*********@host/v1?api_key=***&x=1#top' # http://plain/@x")
})
