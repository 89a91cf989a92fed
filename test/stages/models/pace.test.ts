import { expect, test } from 'vitest'
import { type MinuteLimits, Pace } from '../../../stages/models/pace.ts'

const forever = new AbortController().signal

/** A pace on a clock that moves only when somebody waits. */
function clocked(limits: MinuteLimits): { pace: Pace; now(): number; pass(ms: number): void } {
  let now = 0
  const pace = new Pace(
    limits,
    () => now,
    async (ms) => {
      now += ms
    },
  )
  const pass = (ms: number): void => {
    now += ms
  }
  return { pace, now: () => now, pass }
}

const headers = (map: { [name: string]: string }): { get(name: string): string | null } => ({
  get: (name) => map[name] ?? null,
})

test('no minute ever sees more requests or tokens than were allowed', async () => {
  for (const [limits, tokens] of [
    [{ requests_per_minute: 7 }, 1],
    [{ tokens_per_minute: 700 }, 100],
    [{ requests_per_minute: 100, tokens_per_minute: 70 }, 10],
  ] as const) {
    const { pace, now, pass } = clocked(limits)
    const sent: number[] = []
    for (let i = 0; i < 40; i++) {
      await pace.take(tokens, forever)
      sent.push(now())
      pass(i % 3 === 0 ? 900 : 0)
    }
    for (const from of sent) expect(sent.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(7)
    // And it is not slower than it must be: seven a minute.
    expect(now()).toBeLessThan(60_000 * (40 / 7 + 1))
  }
})

test('what was not sent, or used less than expected, makes room', async () => {
  const { pace, now } = clocked({ tokens_per_minute: 100 })
  const first = await pace.take(100, forever)
  first.used(40)
  await pace.take(60, forever)
  expect(now()).toBe(0)
  const { pace: other, now: then } = clocked({ requests_per_minute: 1 })
  ;(await other.take(5, forever)).back()
  await other.take(5, forever)
  expect(then()).toBe(0)
})

test('a request larger than a minute allows goes by itself instead of never', async () => {
  const { pace, now } = clocked({ tokens_per_minute: 10 })
  await pace.take(50, forever)
  await pace.take(50, forever)
  expect(now()).toBe(60_000)
})

test.each([
  ['1s', 1_000],
  ['6m0s', 360_000],
  ['20ms', 20],
  ['1h2m3.5s', 3_723_500],
  ['4', 4_000],
])('limits are learnt from headers: reset %s', async (reset, ms) => {
  const { pace, now } = clocked({})
  expect(pace.isFree).toBe(true)
  pace.learn(
    headers({
      'x-ratelimit-limit-requests': '10',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': reset,
    }),
  )
  expect(pace.isFree).toBe(false)
  for (let i = 0; i < 10; i++) await pace.take(1, forever)
  expect(now()).toBeGreaterThanOrEqual(ms)
  expect(now()).toBeLessThanOrEqual(ms + 20)
})

test('tokens that others used under the same key are seen by what remains', async () => {
  const { pace, now } = clocked({})
  const told = (remaining: number): void =>
    pace.learn(
      headers({
        'x-ratelimit-limit-tokens': '6000',
        'x-ratelimit-remaining-tokens': String(remaining),
        'x-ratelimit-reset-tokens': `${(6000 - remaining) / 100}s`,
      }),
    )
  told(5000)
  await pace.take(1000, forever)
  expect(now()).toBe(0)
  told(100)
  await pace.take(1100, forever)
  expect(now()).toBeGreaterThan(9_900)
})

test('headers that say nothing useful change nothing, and a wait ends with the signal', async () => {
  const { pace } = clocked({})
  pace.learn(headers({ 'x-ratelimit-limit-requests': 'many', 'x-ratelimit-remaining-requests': '-1' }))
  expect(pace.isFree).toBe(true)
  const real = new Pace({ requests_per_minute: 1 })
  await real.take(1, forever)
  const controller = new AbortController()
  const waiting = real.take(1, controller.signal)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})
