import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SegmentReader } from '../../cache/segment-reader.ts'
import { freshFolders } from './support.ts'

const freshFolder = freshFolders()

test('a segment that is not there has no bytes; one that can not be opened is an error, since its rows were paid for', () => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'whole.seg'), 'abc')
  symlinkSync('circle.seg', join(folder, 'circle.seg'))
  const reader = new SegmentReader(folder)
  expect(reader.read('whole.seg', 1, 10).toString()).toBe('bc')
  expect(reader.read('none.seg', 0, 10).length).toBe(0)
  expect(() => reader.read('circle.seg', 0, 10)).toThrow(/ELOOP/)
  reader.close()
})
