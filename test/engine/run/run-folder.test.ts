import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { logPath } from '../../../engine/run/run-folder.ts'

test('no two nodes share a log, however long and odd their names are', () => {
  const long = 'x'.repeat(150)
  const nodes = ['a', 'a[b=c/d]', 'a[b=c_d]', 'a[b=c d]', `a[b=${long}1]`, `a[b=${long}2]`, 'é', 'è', '../../a']
  const names = nodes.map((node) => basename(logPath('runs/1', node)))
  expect(new Set(names).size).toBe(nodes.length)
  expect(names.slice(0, 1)).toEqual(['a.log'])
  expect(Math.max(...names.map((name) => Buffer.byteLength(name)))).toBeLessThan(200)
  for (const node of nodes) expect(logPath('runs/1', node)).toMatch(/^runs\/1\/logs\/[^/]+$/)
})
