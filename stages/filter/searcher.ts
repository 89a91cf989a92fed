import path from 'node:path'
import { readCorpus } from '../data/beir.ts'
import type { Passage } from '../data/rows.ts'
import { TextSpool } from '../data/text-spool.ts'
import { type Json, type SourceFile, type StageContext, StageError, type StageInput } from '../define.ts'
import { haltOf } from '../halt.ts'
import { type Bm25Index, buildBm25 } from '../retrieval/bm25.ts'
import { denseSearch } from '../retrieval/dense-search.ts'
import { encodePassages } from '../retrieval/encode-passages.ts'
import { openEncoder } from '../retrieval/encoder.ts'
import type { Hit } from '../retrieval/top-k.ts'
import type { Candidate } from './candidate.ts'
import { CorpusSketch } from './corpus-sketch.ts'

/** Queries whose vectors are in memory at once; an encoder goes through the corpus once for each block of them. */
const BLOCK = 65_536
const BREATH = 256

/** A query to be searched for, by its row. */
interface Waiting {
  row: number
  /** The passage that it was made for. */
  passage: string
  /** Which of the encoders searches for it. */
  encoder: number
}

/** What searches the corpus: BM25 where no encoder is named, else the encoders, each for the queries it is asked for. */
export interface SearcherParts {
  corpus: SourceFile
  encoders: readonly StageInput[]
  top_k: number
  /** Name of the step, for files and messages. */
  step: string
}

/**
 * Searches a whole corpus for the queries of a step. Queries of BM25 are answered at once; those of encoders wait in a
 * scratch file until all are there. Held are the corpus's sketch, BM25's index, and 16 bytes a waiting query.
 */
export class CorpusSearcher {
  readonly sketch: CorpusSketch = new CorpusSketch()
  readonly #parts: SearcherParts
  readonly #context: StageContext<unknown>
  #index: Bm25Index | undefined
  #queries: TextSpool | undefined
  readonly #waiting: Waiting[] = []
  /** What the encoders are, as it stands in the summary. */
  readonly facts: { [name: string]: Json } = {}

  private constructor(context: StageContext<unknown>, parts: SearcherParts) {
    this.#context = context
    this.#parts = parts
  }

  static async open(
    context: StageContext<unknown>,
    parts: SearcherParts,
    onPassage: (passage: Passage) => void = () => {},
  ): Promise<CorpusSearcher> {
    const searcher = new CorpusSearcher(context, parts)
    const passages = searcher.#sketched(onPassage)
    if (parts.encoders.length === 0) {
      searcher.#index = await buildBm25(passages)
      searcher.facts.retriever = 'bm25'
    } else {
      for await (const _ of passages) void _
      searcher.#queries = new TextSpool(path.join(context.scratch, `${parts.step.replaceAll('/', '-')}-queries`))
    }
    return searcher
  }

  /** Whether `search` answers; else queries are to be put off. */
  get atOnce(): boolean {
    return this.#index !== undefined
  }

  search(query: string): Hit[] {
    return this.#index?.search(query, this.#parts.top_k) ?? []
  }

  /** Keeps a query until `searchLater`. */
  putOff({ row, pair, passage }: Candidate, encoder = 0): void {
    this.#queries?.add(pair.query)
    this.#waiting.push({ row, passage: passage._id, encoder })
  }

  /** Searches for all queries that were put off, and tells of each what was found. */
  async searchLater(
    onFound: (row: number, passage: string, hits: readonly Hit[]) => void | Promise<void>,
  ): Promise<void> {
    const { corpus, encoders, top_k } = this.#parts
    const halt = haltOf(this.#context)
    for (const [which, input] of encoders.entries()) {
      const mine = this.#waiting.map((one, i) => ({ ...one, i })).filter(({ encoder }) => encoder === which)
      if (mine.length === 0) continue
      const encoder = await openEncoder(input, this.#context)
      try {
        this.facts.retriever = 'encoder'
        this.facts.encoder = { ...encoder.facts }
        for (let start = 0; start < mine.length; start += BLOCK) {
          const block = mine.slice(start, start + BLOCK)
          const vectors = new Float32Array(block.length * encoder.dimensions)
          for (let at = 0; at < block.length; at += encoder.block) {
            halt.throwIfAborted()
            const texts = block.slice(at, at + encoder.block).map(({ i }) => this.#queries?.get(i) as string)
            vectors.set(await encoder.encode(texts, 'query'), at * encoder.dimensions)
          }
          const ids = block.map((_, i) => String(i))
          const passages = encodePassages(readCorpus(corpus), encoder)
          const found = await denseSearch({ ids, vectors }, passages, encoder.dimensions, top_k, {
            signal: halt,
          })
          for (const [i, { row, passage }] of block.entries()) await onFound(row, passage, found[i] as Hit[])
        }
      } finally {
        await encoder.close()
      }
    }
  }

  /** A pair whose passage is not in the corpus, or has another text there, is a StageError. */
  requireKnown({ pair, passage }: Candidate): void {
    const known = this.sketch.knows(passage)
    if (known === 'yes') return
    const what = this.#parts.step.endsWith('round_trip') ? 'round trips search' : 'the step searches'
    throw new StageError(
      known === 'no'
        ? `passage ${JSON.stringify(passage._id)} is not in the corpus that ${what}`
        : `passage ${JSON.stringify(passage._id)} has another text in the corpus that ${what}`,
      {
        where: `pair ${pair._id}`,
        advice: `The corpus must be the one that the pairs were made from; ${this.#parts.corpus.location} is not.`,
      },
    )
  }

  close(): void {
    this.#queries?.close()
  }

  async *#sketched(onPassage: (passage: Passage) => void): AsyncGenerator<Passage> {
    for await (const passage of readCorpus(this.#parts.corpus)) {
      this.sketch.add(passage)
      onPassage(passage)
      if (this.sketch.size % BREATH === 0) this.#context.signal.throwIfAborted()
      yield passage
    }
  }
}
