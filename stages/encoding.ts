import type { Passage } from './data/rows.ts'

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
