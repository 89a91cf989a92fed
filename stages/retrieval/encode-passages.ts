import { type Passage, passageText } from '../data/rows.ts'
import type { VectorBlock } from './dense-search.ts'
import type { Encoder } from './encoder.ts'

/** The vectors of passages in their order, a block at a time: memory is that of one block. */
export async function* encodePassages(
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
