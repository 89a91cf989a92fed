import { readCorpus } from '../data/beir.ts'
import type { EncodedCorpus, SourceFile } from '../define.ts'

/** The corpus of a dataset, as it is encoded by the encoder bound at that input. */
export function encodedDataset(encoder: string, corpus: SourceFile): EncodedCorpus {
  return { encoder, digest: corpus.digest, passages: () => readCorpus(corpus) }
}
