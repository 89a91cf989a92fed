import { unreachable } from '../../engine/util/unreachable.ts'
import type { JsonlWriter } from '../data/jsonl.ts'
import type { Negative, Pair, Passage } from '../data/rows.ts'
import { toPair } from './passages.ts'
import { type QueryOptions, samplesOf } from './query-units.ts'
import type { Settled } from './question.ts'
import type { PairWriter } from './without-model.ts'

/** Rows held before they are handed on. */
const BATCH = 256

/** Writes what the calls about passages came to, in the order in which they are added, and counts. */
export class QueryWriter {
  readonly counts = { passages: 0, pairs: 0, unparsed: 0, refused: 0, failed: 0 }
  /** What the first row of a kind said. */
  readonly messages: { refused?: string; failed?: string } = {}
  /** Answers that ended for want of tokens. */
  cut = 0
  readonly #pairsFile: PairWriter
  readonly #negativesFile: Pick<JsonlWriter, 'writeAll'> | undefined
  readonly #options: QueryOptions
  #pairs: Pair[] = []
  #negatives: Negative[] = []

  constructor(
    files: { pairs: PairWriter; negatives: Pick<JsonlWriter, 'writeAll'> | undefined },
    options: QueryOptions,
  ) {
    this.#pairsFile = files.pairs
    this.#negativesFile = files.negatives
    this.#options = options
  }

  /** Whether enough is held to be written. */
  get isFull(): boolean {
    return this.#pairs.length >= BATCH || this.#negatives.length >= BATCH
  }

  /** Takes the results of calls of one passage, the first of which has the number `first`. */
  add(passage: Pick<Passage, '_id'>, first: number, calls: readonly Settled[]): void {
    for (let i = 0; i < calls.length; i++) this.#add(passage, first + i, calls[i] as Settled)
  }

  /** Counts what was read elsewhere, and will be written by whoever calls. */
  count({ counts, messages, cut }: Pick<QueryWriter, 'counts' | 'messages' | 'cut'>): void {
    for (const name of ['passages', 'pairs', 'unparsed', 'refused', 'failed'] as const)
      this.counts[name] += counts[name]
    if (messages.refused !== undefined) this.messages.refused ??= messages.refused
    this.cut += cut
  }

  /** Writes what is held. */
  async flush(): Promise<void> {
    const [pairs, negatives] = [this.#pairs, this.#negatives]
    this.#pairs = []
    this.#negatives = []
    await this.#pairsFile.writeAll(pairs)
    if (negatives.length > 0) await this.#negativesFile?.writeAll(negatives)
  }

  #add(passage: Pick<Passage, '_id'>, call: number, row: Settled): void {
    const { counts, messages } = this
    switch (row.kind) {
      case 'parsed': {
        const { per_call = 1, per_passage } = this.#options
        const queries = samplesOf(row, call, this.#options)
        counts.unparsed += Math.min(per_call, per_passage - call * per_call) - queries.length
        counts.pairs += queries.length
        if (row.cut) this.cut++
        for (const { sample, query, negatives } of queries) {
          const pair = toPair(passage, sample, query, row.logprob)
          this.#pairs.push(pair)
          if (!this.#negativesFile) continue
          for (const [i, text] of negatives.entries())
            this.#negatives.push({ _id: `${pair._id}-n${i}`, pair_id: pair._id, passage_id: passage._id, text })
        }
        return
      }
      case 'unparsed':
        counts.unparsed++
        return
      case 'refused':
      case 'failed':
        counts[row.kind]++
        messages[row.kind] ??= row.message
        return
      default:
        unreachable(row)
    }
  }
}
