import { expect, test } from 'vitest'
import { classifyStatus, retryAfter } from '../../../stages/generate/send-failure.ts'

test.each([
  [429, 'slow down', '', 'overload'],
  [429, 'no credit', 'insufficient_quota', 'fatal'],
  [503, 'loading model', '', 'overload'],
  [500, 'oops', '', 'passing'],
  [502, 'bad gateway', '', 'passing'],
  [408, 'too slow', '', 'passing'],
  [401, 'bad key', '', 'fatal'],
  [402, 'pay', '', 'fatal'],
  [404, 'no such model', '', 'fatal'],
] as const)('HTTP %i %s %s is %s', (status, message, code, kind) => {
  expect(classifyStatus(status, message, code, undefined).kind).toBe(kind)
})

test.each([
  ["This model's maximum context length is 4096 tokens", '', true],
  ['the request exceeds the available context size', 'exceed_context_size_error', true],
  ['flagged', 'content_filter', true],
  ['unknown parameter: top_p', 'invalid_request_error', false],
] as const)('whose fault HTTP 400 is can be told from %j %j: %j', (message, code, certain) => {
  expect(classifyStatus(400, message, code, undefined)).toMatchObject({ kind: 'refused', certain })
})

test('retry-after is read in seconds, milliseconds and as a date, and has an upper bound', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const read = (headers: { [name: string]: string }): number | undefined =>
    retryAfter((name) => headers[name] ?? null, now)
  expect(read({ 'retry-after': '7' })).toBe(7000)
  expect(read({ 'retry-after': '0.5', 'retry-after-ms': '20' })).toBe(20)
  expect(read({ 'retry-after': 'Thu, 01 Jan 2026 00:00:03 GMT' })).toBe(3000)
  expect(read({ 'retry-after': 'Thu, 01 Jan 2020 00:00:03 GMT' })).toBe(0)
  expect(read({ 'retry-after': '86400' })).toBe(120_000)
  expect(read({ 'retry-after': 'soon' })).toBeUndefined()
  expect(read({})).toBeUndefined()
})
