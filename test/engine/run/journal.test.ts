import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../../engine/run/events.ts'
import { Journal } from '../../../engine/run/journal.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const event: RunEvent = { at: 1, type: 'warning', message: 'something' }

test('a journal holds one event a line', () => {
  const folder = temporaryFolder()
  const journal = new Journal(folder)
  expect(journal.append(event)).toBeUndefined()
  journal.close()
  expect(readFileSync(join(folder, 'events.jsonl'), 'utf8')).toBe(`${JSON.stringify(event)}\n`)
})

test.skipIf(!existsSync('/dev/full'))(
  'a disk that refuses a line ends the journal, is told once, and ends nothing else',
  () => {
    const folder = temporaryFolder()
    symlinkSync('/dev/full', join(folder, 'events.jsonl'))
    const journal = new Journal(folder)
    expect(journal.append(event)).toMatchObject({ code: 'ENOSPC' })
    expect(journal.append(event)).toBeUndefined()
    journal.close()
  },
)
