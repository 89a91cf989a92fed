import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ServiceContext } from '../../../stages/define.ts'
import { parseBase } from '../../../stages/train/base.ts'
import { distill } from '../../../stages/train/distill.ts'
import type { TrainOptions } from '../../../stages/train/options.ts'
import { fakeHub } from '../../rig/fake-hub.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, withPath } from '../models/setup.ts'
import { standInPython } from '../python/stand-in-uv.ts'

/** Stands for the Python of the environment: notes each call and writes something as the table. */
const DISTILLING = `
import { appendFileSync, writeFileSync } from 'node:fs'
const words = process.argv.slice(2)
const after = (flag) => words[words.indexOf(flag) + 1]
appendFileSync(import.meta.dirname + '/calls', after('--dimensions') + '\\n')
writeFileSync(after('--out') + '/table', after('--dimensions'))
`

test('an encoder of a hub is distilled once for all seeds and variants, for each number of dimensions', async () => {
  const hub = await fakeHub({ 'config.json': '{}' })
  process.env.HF_ENDPOINT = hub.url
  onTestFinished(() => {
    delete process.env.HF_ENDPOINT
  })
  const { notes, path } = standInPython(DISTILLING)
  const services = await leaseServices()
  const distilled = (dimensions: number): Promise<string> => {
    const base = parseBase(`static:distill(hf:some/encoder@${'0'.repeat(40)})-${dimensions}`)
    const scratch = temporaryFolder()
    const context = { ...services, inputs: {}, scratch, log: join(scratch, 'log'), progress: () => {} }
    if (!('kind' in base) || base.kind !== 'static-distilled') throw new Error('expected a distilled base')
    return withPath(path, () => distill(context as unknown as ServiceContext<TrainOptions>, base))
  }
  const first = await distilled(16)
  expect(await distilled(16)).toBe(first)
  expect(readFileSync(join(await distilled(8), 'table'), 'utf8')).toBe('8')
  expect(readFileSync(join(first, 'table'), 'utf8')).toBe('16')
  expect(readFileSync(join(notes, 'calls'), 'utf8')).toBe('16\n8\n')
})
