import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStatMemo } from '../../../cache/stat-memo.ts'
import type { GraphNode, InputRef } from '../../../engine/plan/node.ts'
import { SourceFiles } from '../../../engine/plan/source-files.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

test('what is known of a file stays known to others while one node looks at it again', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'x.txt')
  writeFileSync(path, 'x')
  const refs: InputRef[] = [
    { type: 'path', path, folder: false },
    { type: 'dataset', name: 'd', parts: { corpus: path } },
  ]
  const node = { inputs: new Map(refs.map((ref, i) => [String(i), ref])) } as unknown as GraphNode
  const sources = new SourceFiles(openStatMemo(join(folder, 'memo')))
  await sources.load([node])
  const before = sources.part(path)
  writeFileSync(path, 'changed')
  const reloaded = sources.reload(node)
  expect(sources.part(path)).toBe(before)
  expect(sources.tree(refs[0] as Extract<InputRef, { type: 'path' }>).digest).toBe(before)
  await reloaded
  expect(sources.part(path)).not.toBe(before)
})
