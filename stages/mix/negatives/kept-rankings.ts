import { hash } from 'node:crypto'
import type { CanonicalValue } from '../../../cache/canonical.ts'
import { type EmbeddingStore, openEmbeddings } from '../../../cache/embedding-store.ts'
import type { Corpus } from '../sources.ts'
import type { Ranked } from './ranking.ts'

/** Finds the best passages for each text. */
export type Search = (texts: readonly string[]) => Promise<readonly (readonly Ranked[])[]>

const KEY_BYTES = 32
/** Numbers read and written at once: 4 MiB. */
const AT_ONCE = 1 << 20

/**
 * The rankings of one retriever over one corpus, by the text of the query. They are kept as vectors of texts are: a row has
 * for each rank the place of the passage in the corpus, counted from 1, and its score; 0 where there is none. So whoever mines the
 * same corpus again, with other margins, shares or further pairs, searches for new queries alone.
 */
export class KeptRankings {
  readonly #store: EmbeddingStore
  readonly #corpus: Corpus
  readonly #depth: number

  private constructor(store: EmbeddingStore, corpus: Corpus, depth: number) {
    this.#store = store
    this.#corpus = corpus
    this.#depth = depth
  }

  /** `retriever`: whatever decides a ranking beside the corpus and the query. */
  static async open(folder: string, retriever: CanonicalValue, corpus: Corpus, depth: number): Promise<KeptRankings> {
    const identity = { type: 'ranking', retriever, corpus: corpus.file.digest, depth }
    return new KeptRankings(await openEmbeddings(folder, identity, 2 * depth), corpus, depth)
  }

  /** The ranking of each text; those that are not kept are searched for at once, and kept. */
  async rank(texts: readonly string[], search: Search): Promise<(readonly Ranked[])[]> {
    const rankings = new Array<readonly Ranked[]>(texts.length)
    const missing: number[] = []
    for (const { from, count, keys, rows } of this.#parts(texts)) {
      const absent = new Set(this.#store.getMany(keys, rows))
      for (let i = 0; i < count; i++)
        if (absent.has(i)) missing.push(from + i)
        else rankings[from + i] = this.#read(rows, i)
    }
    if (missing.length === 0) return rankings
    const found = await search(missing.map((i) => texts[i]!))
    for (const [at, i] of missing.entries()) rankings[i] = found[at]!
    for (const { from, count, keys, rows } of this.#parts(missing.map((i) => texts[i]!))) {
      for (let i = 0; i < count; i++) this.#write(rows, i, found[from + i]!)
      this.#store.append(keys, rows)
    }
    return rankings
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  *#parts(texts: readonly string[]): Generator<{ from: number; count: number; keys: Buffer; rows: Float32Array }> {
    const most = Math.max(1, Math.floor(AT_ONCE / (2 * this.#depth)))
    for (let from = 0; from < texts.length; from += most) {
      const own = texts.slice(from, from + most)
      const keys = Buffer.allocUnsafeSlow(own.length * KEY_BYTES)
      for (const [i, text] of own.entries()) keys.write(hash('sha256', text, 'hex'), i * KEY_BYTES, 'hex')
      yield { from, count: own.length, keys, rows: new Float32Array(own.length * 2 * this.#depth) }
    }
  }

  #read(rows: Float32Array, row: number): Ranked[] {
    const start = row * 2 * this.#depth
    const places = new Uint32Array(rows.buffer, rows.byteOffset, rows.length)
    const ranking: Ranked[] = []
    for (let at = start; at < start + 2 * this.#depth && places[at] !== 0; at += 2)
      ranking.push({ passage: this.#corpus.first + places[at]! - 1, score: rows[at + 1]! })
    return ranking
  }

  #write(rows: Float32Array, row: number, ranking: readonly Ranked[]): void {
    const places = new Uint32Array(rows.buffer, rows.byteOffset, rows.length)
    let at = row * 2 * this.#depth
    for (const { passage, score } of ranking) {
      places[at] = passage - this.#corpus.first + 1
      rows[at + 1] = score
      at += 2
    }
  }
}
