import { type Passage, passageText } from '../data/rows.ts'
import type { VectorBlock } from './dense-search.ts'
import type { Encoder } from './encoder.ts'

/** Blocks that are encoded while one is worked with: with two, no core waits for the last texts of a block. */
const AHEAD = 2

/**
 * The vectors of passages in their order, a block at a time. The next blocks are encoded while one is worked with, so that
 * no core waits for a search: memory is that of three blocks. Whoever stops early closes the encoder.
 */
export async function* encodePassages(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  encoder: Encoder,
): AsyncGenerator<VectorBlock> {
  const blocks = blocksOf(passages, encoder.block)
  const begin = (): Promise<VectorBlock | undefined> => {
    const block = blocks.next().then(async ({ done, value }) => {
      if (done) return undefined
      const { ids, texts } = value
      return { ids, vectors: await encoder.encode(texts, 'passage') }
    })
    // It is told when its turn comes; until then nobody listens.
    block.catch(() => {})
    return block
  }
  const begun = Array.from({ length: AHEAD }, begin)
  try {
    for (;;) {
      const block = await begun.shift()
      if (!block) return
      begun.push(begin())
      yield block
    }
  } finally {
    await blocks.return(undefined)
  }
}

async function* blocksOf(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  size: number,
): AsyncGenerator<{ ids: string[]; texts: string[] }, undefined> {
  let ids: string[] = []
  let texts: string[] = []
  for await (const passage of passages) {
    ids.push(passage._id)
    texts.push(passageText(passage))
    if (texts.length < size) continue
    yield { ids, texts }
    ids = []
    texts = []
  }
  if (texts.length > 0) yield { ids, texts }
}
