import { expect, test } from 'vitest'
import { printDiagnostics } from '../../../engine/parse/code-frame.ts'
import type { Diagnostic } from '../../../engine/parse/diagnostic.ts'

function print(line: string, column: number, length: number, colour = false): string[] {
  const diagnostic: Diagnostic = {
    file: '/p/a.yaml',
    line: 1,
    column,
    length,
    severity: 'warning',
    code: 'sweep',
    message: 'oops',
    suggestion: 'fine',
  }
  return printDiagnostics([diagnostic], () => line, { folder: '/p', colour }).split('\n')
}

test('the mark stands under the text, whatever its width', () => {
  expect(print('ab: cd', 5, 2)).toEqual([
    'a.yaml:1:5  warning  oops',
    '   1 | ab: cd',
    '     |     ^^',
    '  Did you mean `fine`?',
    '',
  ])
  expect(print('\ta: 検索 x', 8, 1)[2]).toBe(`     |${' '.repeat(11)}^`)
  expect(print('e\u0301: x', 5, 1)[2]).toBe('     |    ^')
})

test('a long line is cut around the mark', () => {
  const [, shown, marks] = print(`${'x'.repeat(300)}HERE${'y'.repeat(300)}`, 301, 4)
  expect(shown?.length).toBeLessThan(120)
  expect(shown?.indexOf('HERE')).toBe(marks?.indexOf('^^^^'))
})

test('what a terminal would act on is shown, not sent', () => {
  const printed = print('a: \x1b[31m\u202ered', 4, 1).join('\n')
  expect(printed).not.toContain('\x1b')
  expect(printed).not.toContain('\u202e')
})

test('colour is there only when asked for', () => {
  expect(print('ab', 1, 1).join('')).not.toContain('\x1b')
  expect(print('ab', 1, 1, true).join('')).toContain('\x1b[')
})

test('a problem of the command line has no place in a file', () => {
  const diagnostic: Diagnostic = {
    file: 'command line',
    line: 1,
    column: 1,
    length: 1,
    severity: 'error',
    code: 'unknown-param',
    message: 'no',
  }
  expect(printDiagnostics([diagnostic], () => 'text')).toBe('command line  error  no\n')
})
