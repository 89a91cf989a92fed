import { describe, expect, it } from 'vitest'
import { PassageLookup } from '../../../stages/data/passage-lookup.ts'
import { artifactInput } from '../../rig/stage.ts'
import { mulberry } from '../filter/rows.ts'

const passages = Array.from({ length: 500 }, (_, i) => ({
  _id: `p${i}`,
  doc_id: `p${i}`,
  title: i % 2 === 0 ? 'Ätna' : '',
  text: '日本 '.repeat(i % 9),
}))
const text = passages.map((row) => `${JSON.stringify(row)}\n`).join('\n')

describe('PassageLookup', () => {
  it('finds passages in the order of the file and in any other, across blank lines', async () => {
    for (const file of [text, text.trimEnd()]) {
      const lookup = new PassageLookup(artifactInput('pairs', { 'passages.jsonl': file }))
      for (const at of [0, 0, 3, 7, 499]) expect(await lookup.get(`p${at}`)).toEqual(passages[at])
      const random = mulberry(1)
      for (let i = 0; i < 300; i++) {
        const at = Math.floor(random() * 500)
        expect(await lookup.get(`p${at}`)).toEqual(passages[at])
      }
      expect(await lookup.get('p500')).toBeUndefined()
      await lookup.close()
    }
  })
})
