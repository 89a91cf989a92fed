import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { StoreError } from '../../../cache/store-error.ts'
import { ExitStatus, exitStatusOf } from '../../../engine/cli/exit-status.ts'
import { tellError } from '../../../engine/cli/tell-error.ts'
import { StageError } from '../../../stages/define.ts'

function told(error: unknown): { status: number; text: string } {
  const out: string[] = []
  const status = tellError(error, { write: (text) => void out.push(text) })
  return { status, text: out.join('') }
}

test('a failure that people can mend is told as what, where and what to do, without a stack', () => {
  const error = new StageError('malformed row', {
    where: 'corpus.jsonl:12',
    advice: 'Mend the row.',
    tail: 'last line',
  })
  expect(told(error)).toEqual({
    status: ExitStatus.failed,
    text: [
      'malformed row',
      '  where   corpus.jsonl:12',
      '  advice  Mend the row.',
      '  the end of its log:',
      '  | last line',
      '',
    ].join('\n'),
  })
  const full = new StoreError('no space left', { problem: 'no-space', where: '/store', advice: 'free some' })
  expect(told(full)).toEqual({ status: 1, text: 'no space left\n  where   /store\n  advice  free some\n' })
})

test('anything else is called a bug of ours, its stack is in a file and not on the screen', () => {
  const error = new TypeError('x is not a function')
  const { status, text } = told(error)
  expect(status).toBe(70)
  expect(text).toContain('this is a bug of queryloom: x is not a function')
  expect(text).not.toContain('    at ')
  const file = /\S+report\.txt/.exec(text)?.[0] ?? ''
  expect(readFileSync(file, 'utf8')).toContain(error.stack)
  rmSync(dirname(file), { recursive: true })
})

test('exit statuses are those that are documented', () => {
  expect(ExitStatus).toEqual({ ok: 0, failed: 1, invalid: 2, bug: 70, interrupted: 130, terminated: 143 })
  expect(exitStatusOf('ok', undefined)).toBe(0)
  expect(exitStatusOf('failed', undefined)).toBe(1)
  expect(exitStatusOf('interrupted', 'SIGINT')).toBe(130)
  expect(exitStatusOf('interrupted', 'SIGTERM')).toBe(143)
})
