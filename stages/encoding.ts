import type { Passage } from './data/rows.ts'
import type { StageContext, StageInput } from './define.ts'

/** A corpus that a stage has encoded from its first passage to its last. */
export interface EncodedCorpus {
  /** Name of the encoder's input. */
  encoder: string
  /** Tells the corpus from others. */
  digest: string
  passages(): AsyncIterable<Passage>
}

/** Shares of a corpus that can be encoded apart, on several machines. */
export interface EncodingShares {
  /** How many there are. */
  count: number
  /** For whoever has them encoded: it lies with the vectors, and goes with them. */
  folder: string
}

/** One of these shares. */
export interface EncodingShare {
  number: number
  of: number
}

/** Encodes corpora on several machines at once. */
export interface SharedEncoding {
  /**
   * Into how many shares, `most` at most, the passages of a corpus are worth being cut; undefined where one encoder alone
   * does as well.
   */
  shares(
    corpus: EncodedCorpus,
    encoder: StageInput | undefined,
    embeddings: string,
    most: number,
  ): Promise<EncodingShares | undefined>
  /** Encodes one of them into the context's embeddings, as far as it is not there; gives how many passages it has. */
  encode(
    corpus: EncodedCorpus,
    encoder: StageInput | undefined,
    context: Pick<StageContext<never>, 'drain' | 'signal' | 'embeddings' | 'cards' | 'progress'>,
    share: EncodingShare,
  ): Promise<number>
}
