import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { EncoderThreads } from '../../../stages/encoders/encoder-threads.ts'
import type { TransformerModel } from '../../../stages/encoders/transformer-model.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

it.each([
  { megabytes: 90, cores: 2, graphs: 2 },
  { megabytes: 500, cores: 16, graphs: 4 },
  { megabytes: 3000, cores: 16, graphs: 1 },
])('a graph of $megabytes MB is run by $graphs threads on $cores cores', async ({ megabytes, cores, graphs }) => {
  const location = join(temporaryFolder(), 'model.onnx')
  writeFileSync(location, '')
  // Nothing is written: the file is one hole.
  truncateSync(location, megabytes * 1e6)
  const model = { onnx: { path: 'model.onnx', location } } as TransformerModel
  const threads = new EncoderThreads(
    { kind: 'encode', model, dimensions: 2 },
    { device: { kind: 'cpu' }, mayFallBack: false },
    { signal: new AbortController().signal },
    cores,
  )
  expect(threads.count).toBe(graphs)
  await threads.close()
})
