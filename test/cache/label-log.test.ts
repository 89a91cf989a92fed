import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Label, openLabelLog, readLabel } from '../../cache/label-log.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const pair = (n: number): string => `sha256:${n.toString(16).padStart(64, '0')}`
const label = (n: number, more: Partial<Label>): Label => ({
  pair: pair(n),
  query: `q${n}`,
  at: '2026-01-01T00:00:00Z',
  ...more,
})

test('what was said last counts, for each kind by itself, in another process too, whatever a crash tore or a disk flipped', async () => {
  const root = temporaryFolder()
  const file = join(root, 'labels/labels.log')
  const log = openLabelLog(root)
  expect(log.all('labels').size).toBe(0)
  expect(existsSync(file)).toBe(false)
  await log.append([label(1, { labels: ['relevant'] }), label(2, { labels: [] })])
  const size = readFileSync(file).length
  await log.append([label(1, { labels: ['factual'] })])
  await log.append([label(1, { grade: 3 }), label(2, { grade: 1 }), label(2, { grade: null })])
  const other = openLabelLog(root)
  expect([...other.all('labels').values()].map(({ labels }) => labels)).toEqual([['factual'], []])
  expect([...other.all('grade').values()].map(({ grade }) => grade)).toEqual([3])
  await other.append([label(3, { labels: ['too-generic'] })])
  expect(log.all('labels').size).toBe(3)
  log.close()
  other.close()

  appendFileSync(file, 'deadbeef {"pair": "torn')
  const after = openLabelLog(root)
  expect(after.all('labels').size).toBe(3)
  await after.append([label(4, { labels: [] })])
  expect(openLabelLog(root).all('labels').size).toBe(4)
  after.close()
  const bytes = readFileSync(file)
  bytes[size - 20]! ^= 1
  writeFileSync(file, bytes)
  expect(openLabelLog(root).all('labels').get(pair(1))?.labels).toEqual(['factual'])
  truncateSync(file, size + 30)
  expect(openLabelLog(root).all('labels').size).toBeLessThan(3)
})

test('only labels are read from a text', () => {
  expect(readLabel(JSON.stringify(label(1, { labels: ['relevant'] })))).toEqual(label(1, { labels: ['relevant'] }))
  for (const text of [
    'x',
    'null',
    '[]',
    '{}',
    JSON.stringify(label(1, {})),
    JSON.stringify({ ...label(1, { grade: 1 }), pair: 'x' }),
    JSON.stringify({ ...label(1, {}), grade: 1.5 }),
    JSON.stringify({ ...label(1, {}), labels: [1] }),
  ])
    expect(readLabel(text), text).toBeUndefined()
})
