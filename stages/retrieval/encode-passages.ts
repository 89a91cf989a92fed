import { type Passage, passageText } from '../data/rows.ts'
import type { VectorBlock } from './dense-search.ts'
import type { Encoder } from './encoder.ts'

/**
 * The vectors of passages in their order, a block at a time. The next block is encoded while one is worked with, so that
 * no core waits for a search: memory is that of two blocks.
 */
export async function* encodePassages(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  encoder: Encoder,
): AsyncGenerator<VectorBlock> {
  const blocks = blocksOf(passages, encoder)
  let next = blocks.next()
  try {
    for (;;) {
      const { done, value } = await next
      if (done) return
      next = blocks.next()
      // It is told when its turn comes; until then nobody listens.
      next.catch(() => {})
      yield value
    }
  } finally {
    await blocks.return(undefined)
  }
}

async function* blocksOf(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  encoder: Encoder,
): AsyncGenerator<VectorBlock> {
  let ids: string[] = []
  let texts: string[] = []
  const encoded = async (): Promise<VectorBlock> => {
    const block = { ids, vectors: await encoder.encode(texts, 'passage') }
    ids = []
    texts = []
    return block
  }
  for await (const passage of passages) {
    ids.push(passage._id)
    texts.push(passageText(passage))
    if (texts.length === encoder.block) yield await encoded()
  }
  if (texts.length > 0) yield await encoded()
}
