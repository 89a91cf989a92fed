import { join } from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { embeddingsFolder } from '../../cache/embedding-store.ts'
import type { Passage } from '../data/rows.ts'
import type { StageContext, StageInput } from '../define.ts'
import type { EncodedCorpus, EncodingShare, EncodingShares } from '../encoding.ts'
import { haltOf } from '../halt.ts'
import { encodePassages } from '../retrieval/encode-passages.ts'
import { openEncoder, transformerOf } from '../retrieval/encoder.ts'
import { blockOf } from './device.ts'
import { transformerIdentity } from './transformer-model.ts'

/** Passages that are worth a share: whoever encodes one loads the encoder and reads the whole corpus. */
const LEAST = 4_096

/**
 * Into how many shares, `most` at most, the passages of a corpus are worth being cut; undefined where one encoder alone
 * does as well: few passages, or a static model, which reads no slower than they can be cut.
 */
export async function encodingShares(
  corpus: EncodedCorpus,
  input: StageInput | undefined,
  embeddings: string,
  most: number,
): Promise<EncodingShares | undefined> {
  const model = most < 2 ? undefined : await transformerOf(input)
  if (model?.dimensions === undefined) return undefined
  const count = Math.floor((await countTo(corpus.passages(), most * LEAST)) / LEAST)
  if (count < 2) return undefined
  const what = { corpus: corpus.digest, prefix: model.prefixes.passage, count }
  const name = hexOf(sha256(canonicalBytes('encoding shares', what)))
  const own = embeddingsFolder(embeddings, await transformerIdentity(model), model.dimensions)
  return { count, folder: join(own, 'shares', name.slice(0, 40)) }
}

/**
 * Encodes one share of a corpus into `embeddings`; what is there already is not computed again. Shares are made of
 * blocks as one encoder alone would take them, so that each batch holds the same texts.
 */
export async function encodeShare(
  { passages }: EncodedCorpus,
  input: StageInput | undefined,
  services: Pick<StageContext<unknown>, 'drain' | 'signal' | 'embeddings' | 'cards' | 'progress'>,
  share: EncodingShare,
): Promise<number> {
  const encoder = await openEncoder(input, services)
  const halt = haltOf(services)
  let done = 0
  try {
    for await (const { ids } of encodePassages(shareOf(passages(), blockOf(services.cards), share), encoder)) {
      halt.throwIfAborted()
      done += ids.length
      services.progress(done, undefined, 'passages encoded')
    }
  } finally {
    await encoder.close()
  }
  return done
}

/** Every `of`-th block of passages. */
async function* shareOf(
  passages: AsyncIterable<Passage>,
  block: number,
  { number, of }: EncodingShare,
): AsyncGenerator<Passage> {
  let row = 0
  for await (const passage of passages) if (Math.floor(row++ / block) % of === number) yield passage
}

async function countTo(passages: AsyncIterable<Passage>, most: number): Promise<number> {
  let count = 0
  for await (const _ of passages) if (++count === most) break
  return count
}
