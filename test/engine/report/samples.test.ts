import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RecordedOutput } from '../../../cache/action-record.ts'
import type { BlobStore } from '../../../cache/blob-store.ts'
import { sampleOf } from '../../../engine/report/samples.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

/** An output of these files, and where they lie. */
function stored(
  kind: string,
  files: { readonly [path: string]: string },
): { output: RecordedOutput; blobs: Pick<BlobStore, 'check' | 'locate'> } {
  const folder = temporaryFolder()
  const recorded = Object.entries(files).map(([path, text]) => {
    const blob = `sha256:${createHash('sha256').update(text).digest('hex')}`
    writeFileSync(join(folder, blob), text)
    return { path, size: Buffer.byteLength(text), executable: false, blob }
  })
  return {
    output: { kind, digest: 'sha256:0', files: recorded } as unknown as RecordedOutput,
    blobs: { check: () => 'ok', locate: (blob) => join(folder, blob) },
  }
}

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const passages = Array.from({ length: 30 }, (_, i) => ({ _id: `p${i}`, title: '', text: `passage ${i}` }))
const pairs = passages.map(({ _id }, i) => ({ _id: `${_id}-0`, passage_id: _id, query: `query ${i}`, sample: 0 }))

test('rows are from the beginning, the middle and the end, pairs with their passages', async () => {
  const { output, blobs } = stored('pairs', { 'pairs.jsonl': lines(pairs), 'passages.jsonl': lines(passages) })
  const rows = await sampleOf(output, blobs)
  expect(rows).toHaveLength(3)
  expect(rows[0]).toEqual({
    id: 'p0-0 · p0',
    texts: [
      { name: 'query', text: 'query 0' },
      { name: 'text', text: 'passage 0' },
    ],
  })
  expect(rows.map(({ id }) => Number(/^p(\d+)/.exec(id)![1]))).toEqual([0, expect.any(Number), expect.any(Number)])
  expect(new Set(rows.map(({ id }) => id)).size).toBe(3)
})

test('one row is shown once, a long text is cut, and of what is no row nothing is', async () => {
  const one = stored('passages', { 'passages.jsonl': lines([{ _id: 'a', text: '😀'.repeat(5000) }]) })
  const [row, ...others] = await sampleOf(one.output, one.blobs)
  expect(others).toEqual([])
  expect([...row!.texts[0]!.text]).toHaveLength(601)
  const broken = stored('passages', { 'passages.jsonl': 'no json\n' })
  expect(await sampleOf(broken.output, broken.blobs)).toEqual([])
  const model = stored('model', { 'model.safetensors': 'x' })
  expect(await sampleOf(model.output, model.blobs)).toEqual([])
})

test('what is not stored whole has no rows', async () => {
  const { output, blobs } = stored('passages', { 'passages.jsonl': lines(passages) })
  expect(await sampleOf(output, { ...blobs, check: () => 'damaged' })).toEqual([])
})
