import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { writeBundle } from '../../../cache/bundle/write-bundle.ts'
import { loadSigner, newKey } from '../../../cache/signing.ts'
import { StoreError } from '../../../cache/store-error.ts'
import { importBundle } from '../../../engine/share/import-bundle.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { snapshot } from './bundle-rig.ts'

const FILES: { readonly [path: string]: string } = {
  'pipeline.yaml': 'version: 1\nstages: {}\n',
  'data/a.txt': 'some text',
  'data/ü.txt': 'some other text',
}

/** A sound bundle with files and answers. */
async function soundBundle(root: string, isSigned: boolean): Promise<Buffer> {
  const files = Object.entries(FILES).map(([path, text], at) => {
    const location = join(root, `source-${at}`)
    writeFileSync(location, text)
    return { path, location, executable: false }
  })
  const rows = join(root, 'rows')
  writeFileSync(rows, `${JSON.stringify({ key: `sha256:${'a'.repeat(64)}`, value: { answer: 1 } })}\n`)
  await newKey('me', join(root, 'config'))
  const signer = isSigned ? loadSigner('me', join(root, 'config')) : undefined
  const content = { pipeline: 'pipeline.yaml', files, rows: { location: rows, count: 1 }, blobs: [] }
  await writeBundle(join(root, 'sound.qlb'), content, signer)
  return readFileSync(join(root, 'sound.qlb'))
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 40 }) }),
)

type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never

function changed(bytes: Buffer, how: Change): Buffer {
  const at = how.at % bytes.length
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (how.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << how.bit)
      return copy
    }
    case 'cut':
      return before
    case 'remove':
      return Buffer.concat([before, after.subarray(how.length)])
    case 'insert':
      return Buffer.concat([before, how.bytes, after])
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, how.length), after])
  }
}

test.each([false, true])('a bundle that was changed anywhere is never placed (signed: %s)', async (isSigned) => {
  const root = temporaryFolder()
  vi.stubEnv('XDG_CONFIG_HOME', join(root, 'config-home'))
  const bytes = await soundBundle(root, isSigned)
  const path = join(root, 'changed.qlb')
  const got = join(root, 'got')
  const options = { limits: { bytes: 1 << 30 }, unsigned: true }
  const changes = fc.array(change, { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(changes, async (all) => {
      const bad = all.reduce(changed, bytes)
      fc.pre(bad.length > 0 && !bad.equals(bytes))
      writeFileSync(path, bad)
      const before = snapshot(root)
      await expect(importBundle(path, got, options)).rejects.toBeInstanceOf(StoreError)
      expect(snapshot(root)).toEqual(before)
    }),
    { seed: 5, numRuns: 400 },
  )
  writeFileSync(path, bytes)
  await importBundle(path, got, options)
  for (const [file, text] of Object.entries(FILES)) expect(readFileSync(join(got, file), 'utf8')).toBe(text)
  rmSync(got, { recursive: true })
})
