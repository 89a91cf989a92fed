import fc from 'fast-check'
import { expect, test } from 'vitest'
import { globFiles } from '../../../engine/plan/glob.ts'
import { expandBraces, segmentMatcher } from '../../../engine/plan/glob-pattern.ts'
import { Project } from '../parse/project.ts'

test.each([
  ['*', 'a.b', true],
  ['*', '.a', false],
  ['.*', '.a', true],
  ['?', 'ab', false],
  ['?', '\u{1f600}', true],
  ['a*b*c', 'axxbyyc', true],
  ['a*b*c', 'axxbyy', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['[^a]', 'b', true],
  ['[]a]', ']', true],
  ['[a', '[a', true],
  ['a.b', 'axb', false],
  ['', 'a', false],
])('%s against %s: %s', (pattern, name, matches) => {
  expect(segmentMatcher(pattern)(name)).toBe(matches)
})

test('many stars take no exponential time', () => {
  expect(segmentMatcher(`${'*a'.repeat(60)}b`)('a'.repeat(250))).toBe(false)
})

test('a name matches itself, and with any part of it replaced by a star', () => {
  const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[*?[\]{}/]|^\./.test(text))
  fc.assert(
    fc.property(name, fc.nat(), fc.nat(), (text, from, to) => {
      const symbols = [...text]
      const [start, end] = [from % symbols.length, to % symbols.length].sort((a, b) => a - b) as [number, number]
      expect(segmentMatcher(text)(text)).toBe(true)
      expect(segmentMatcher([...symbols.slice(0, start), '*', ...symbols.slice(end)].join(''))(text)).toBe(true)
    }),
    { seed: 2 },
  )
})

test('braces are written out, and refused where they would be too many', () => {
  expect(expandBraces('a{b,c{d,e}}f')).toEqual(['abf', 'acdf', 'acef'])
  expect(expandBraces('{x}-{,y}')).toEqual(['x-', 'x-y'])
  expect(expandBraces('a}b{c')).toEqual(['a}b{c'])
  expect(expandBraces('{a,b}'.repeat(12))).toBeUndefined()
})

test('only files match, and the folder is that above the first wildcard', () => {
  const project = new Project({ 'one/two/a.txt': '', 'one/b.txt': '', 'one/three.txt/c.txt': '' })
  expect(globFiles(project.folder, 'one/*.txt')).toEqual({ folder: project.path('one'), matches: ['b.txt'] })
  expect(globFiles('/', project.path('one/*/?.txt'))).toEqual({
    folder: project.path('one'),
    matches: ['three.txt/c.txt', 'two/a.txt'],
  })
  expect(globFiles(project.folder, 'one/**')).toEqual({
    folder: project.path('one'),
    matches: ['b.txt', 'three.txt/c.txt', 'two/a.txt'],
  })
  expect(globFiles(project.folder, 'one/*/../b.txt')).toBe('`.` and `..` can not follow a wildcard')
  expect(globFiles(project.folder, 'none/*')).toEqual({ folder: project.path('none'), matches: [] })
})
