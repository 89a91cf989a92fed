import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RecordedFile } from '../../../cache/action-log.ts'
import { openStore } from '../../../cache/store.ts'
import type { Graph, GraphNode, NodeId } from '../../../engine/plan/node.ts'
import { Views } from '../../../engine/run/views.ts'
import { record } from '../../cache/record.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const FILES = 40

test('two runs that show the same outputs at once make one view, and take none for edited', async () => {
  const folder = temporaryFolder()
  const stores = [await openStore(join(folder, 'store')), await openStore(join(folder, 'store'))]
  const files: RecordedFile[] = []
  for (let n = 0; n < FILES; n++) {
    const blob = await stores[0]!.blobs.put(Buffer.from(`text ${n}`))
    files.push({ path: `${n}.txt`, size: blob.size, executable: false, blob: blob.id })
  }
  const made = record('made', files)
  const node = { id: 'node' as NodeId, variant: {} } as GraphNode
  const views = stores.map(
    (store) => new Views(store, join(folder, 'out'), { dependents: new Map() } as unknown as Graph),
  )
  expect(await Promise.all(views.map((view) => view.show(node, made)))).toEqual([undefined, undefined])
  for (let n = 0; n < FILES; n++) {
    expect(readFileSync(join(folder, 'out/node/pairs', `${n}.txt`), 'utf8')).toBe(`text ${n}`)
  }
  for (const view of views) view.close()
  for (const store of stores) await store.close()
  const [making, ...shown] = readdirSync(join(folder, 'store/views')).sort()
  expect(making).toBe('.making')
  expect(shown.length).toBe(1)
  expect(readdirSync(join(folder, 'store/views/.making'))).toEqual([])
})
