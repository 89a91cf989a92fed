import { expect, it } from 'vitest'
import type { Passage } from '../../../stages/data/rows.ts'
import { encodePassages } from '../../../stages/retrieval/encode-passages.ts'
import type { Encoder } from '../../../stages/retrieval/encoder.ts'

/** An encoder of blocks of two texts, each of which is encoded when the test says so. */
function slowEncoder(): { encoder: Encoder; asked: string[][]; answer: (() => void)[] } {
  const asked: string[][] = []
  const answer: (() => void)[] = []
  const encode = (texts: readonly string[]): Promise<Float32Array> => {
    asked.push([...texts])
    return new Promise((resolve) => answer.push(() => resolve(Float32Array.from(texts, Number))))
  }
  return { encoder: { dimensions: 1, block: 2, encode } as unknown as Encoder, asked, answer }
}

const passages = (count: number): Passage[] =>
  Array.from({ length: count }, (_, i) => ({ _id: `p${i}`, doc_id: `p${i}`, title: '', text: String(i) }))

it('encodes two blocks at once, so that the second fills cores that the first leaves idle, and gives them in order', async () => {
  const { encoder, asked, answer } = slowEncoder()
  const blocks = encodePassages(passages(5), encoder)
  const first = blocks.next()
  await expect
    .poll(() => asked)
    .toEqual([
      ['0', '1'],
      ['2', '3'],
    ])
  answer[1]!()
  answer[0]!()
  expect((await first).value).toEqual({ ids: ['p0', 'p1'], vectors: Float32Array.of(0, 1) })
  await expect.poll(() => asked.length).toBe(3)
  answer[2]!()
  expect((await blocks.next()).value).toEqual({ ids: ['p2', 'p3'], vectors: Float32Array.of(2, 3) })
  expect((await blocks.next()).value).toEqual({ ids: ['p4'], vectors: Float32Array.of(4) })
  expect((await blocks.next()).done).toBe(true)
})

it('gives the blocks before one that could not be read, and lets go of what is read when left early', async () => {
  let isClosed = false
  async function* broken(): AsyncGenerator<Passage> {
    try {
      yield* passages(4)
      throw new Error('line 5')
    } finally {
      isClosed = true
    }
  }
  const { encoder, answer } = slowEncoder()
  const blocks = encodePassages(broken(), encoder)
  const first = blocks.next()
  await expect.poll(() => answer.length).toBe(2)
  for (const now of answer) now()
  expect((await first).value?.ids).toEqual(['p0', 'p1'])
  expect((await blocks.next()).value?.ids).toEqual(['p2', 'p3'])
  await expect(blocks.next()).rejects.toThrow('line 5')
  isClosed = false

  const left = slowEncoder()
  const others = encodePassages(broken(), left.encoder)
  const begun = others.next()
  await expect.poll(() => left.answer.length).toBe(2)
  for (const now of left.answer) now()
  await begun
  await others.return(undefined)
  expect(isClosed).toBe(true)
})
