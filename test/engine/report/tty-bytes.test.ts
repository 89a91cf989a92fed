import type { WriteStream } from 'node:tty'
import { expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import { ttyView } from '../../../engine/report/views/tty.ts'
import type { RunEvent } from '../../../engine/run/events.ts'
import { digest } from './fixtures/nodes.ts'

test('however fast 120 nodes report, a terminal is written to four times a second, and only where something changed', async () => {
  const written: string[] = []
  const terminal = { isTTY: true, columns: 100, rows: 40, write: (text: string) => written.push(text) > 0 }
  const nodes = Array.from({ length: 120 }, (_, i) => `stage${i % 6}[v=${i}]` as NodeId)
  const view = ttyView(terminal as unknown as WriteStream, { nodes })
  const tell = (event: RunEvent): void => view.event(event)
  const begun = Date.now()
  tell({ at: begun, type: 'run-started', run: 'r', pipeline: 'demo', file: '', nodes: 120 })
  for (const node of nodes)
    tell({ at: begun, type: 'node-started', node, stage: 'x', uses: 'command', key: digest('ab'), log: '/log' })
  // Loading the screen is no part of it.
  while (written.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  const from = Date.now()
  const [frames, bytes] = [written.length, written.join('').length]
  const full = bytes
  let done = 0
  while (Date.now() - from < 1500) {
    done++
    const [node] = nodes as [NodeId]
    for (let i = 0; i < 50; i++) tell({ at: Date.now(), type: 'node-progress', node, done, total: 100_000 })
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const drawn = written.length - frames
  expect(drawn).toBeGreaterThan(0)
  expect(drawn).toBeLessThanOrEqual((Date.now() - from) / 250 + 1)
  // Two lines change (the run's, the node's), all of them when the spinner turns once a second.
  const most = (full / 4) * drawn + full * Math.ceil((Date.now() - from) / 1000 + 1)
  expect(written.join('').length - bytes).toBeLessThan(most)
  await view.close()
})
