import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rowText, writeJsonl } from '../../../stages/data/jsonl.ts'
import { readLines } from '../../../stages/data/lines.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

it('writes rows as JSON.stringify does, whatever stands in them', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '"', '\\', '\n', '\u0001', '\u2028', 'é', '😀', '\ud800', '\udc00'),
  })
  const member = fc.oneof(text, fc.jsonValue(), fc.constant(undefined))
  fc.assert(
    fc.property(fc.dictionary(text, member), (row) => {
      expect(rowText(row)).toBe(JSON.stringify(row))
    }),
  )
})

it('writes many rows as one after another', async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ i, text: 'x'.repeat(200) }))
  const [one, many] = ['one', 'many'].map((name) => path.join(temporaryFolder(), name)) as [string, string]
  const first = await writeJsonl(one)
  for (const row of rows) await first.write(row)
  const second = await writeJsonl(many)
  await second.writeAll(rows)
  expect([first.rows, second.rows]).toEqual([3000, 3000])
  await first.close()
  await second.close()
  expect(readFileSync(many, 'utf8')).toBe(readFileSync(one, 'utf8'))
  let lines = 0
  for await (const { text, number } of readLines(many)) {
    expect(JSON.parse(text)).toEqual(rows[number - 1])
    lines++
  }
  expect(lines).toBe(3000)
})
