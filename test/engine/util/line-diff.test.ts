import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unifiedDiff } from '../../../engine/util/line-diff.ts'

test('a changed line stands between three lines of context', () => {
  expect(unifiedDiff('a\nb\nc\nd\ne\nf\ng\nh\n', 'a\nb\nc\nd\nE\nf\ng\nh\n')).toBe(
    ['@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+E', ' f', ' g', ' h'].join('\n'),
  )
})

test('changes far apart have a hunk each, near ones share it', () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`)
  const far = lines.map((line, i) => (i === 2 || i === 25 ? `${line}!` : line))
  const near = lines.map((line, i) => (i === 10 || i === 16 ? `${line}!` : line))
  const hunks = (after: string[]): number => unifiedDiff(lines.join('\n'), after.join('\n')).match(/^@@/gm)?.length ?? 0
  expect(hunks(far)).toBe(2)
  expect(hunks(near)).toBe(1)
})

test('equal texts, and those that differ in their last line break only, have no difference', () => {
  expect(unifiedDiff('a\nb\n', 'a\nb\n')).toBe('')
  expect(unifiedDiff('a\nb\n', 'a\nb')).toBe('')
})

test('an empty side is written as diff writes it', () => {
  expect(unifiedDiff('', 'a\nb\n')).toBe('@@ -0,0 +1,2 @@\n+a\n+b')
  expect(unifiedDiff('a\n', '')).toBe('@@ -1 +0,0 @@\n-a')
})

test('the hunks turn the one text into the other, for any two texts', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 25 })
    .map((lines) => lines.map((l) => `${l}\n`))
  fc.assert(
    fc.property(text, text, fc.integer({ min: 0, max: 4 }), (before, after, context) => {
      expect(apply(before, unifiedDiff(before.join(''), after.join(''), context))).toEqual(after)
    }),
    { seed: 11, numRuns: 500 },
  )
})

/** What `patch` does; throws where a kept or removed line is not what stands there. */
function apply(before: readonly string[], diff: string): string[] {
  const out: string[] = []
  let at = 0
  for (const line of diff === '' ? [] : diff.split('\n')) {
    const header = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/.exec(line)
    if (header) {
      const start = Number(header[1]) - (header[2] === '0' ? 0 : 1)
      out.push(...before.slice(at, start))
      at = start
      expect(out.length).toBe(Number(header[3]) - (header[4] === '0' ? 0 : 1))
    } else if (line.startsWith('+')) out.push(`${line.slice(1)}\n`)
    else {
      expect(before[at]).toBe(`${line.slice(1)}\n`)
      if (line.startsWith(' ')) out.push(before[at] as string)
      at++
    }
  }
  return [...out, ...before.slice(at)]
}
