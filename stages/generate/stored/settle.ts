import { KEY_BYTES } from '../../../cache/packed-keys.ts'
import { LocatedRowReader, type LocatedRows } from '../../../cache/read-rows.ts'
import { rowText } from '../../data/jsonl.ts'
import type { Pair } from '../../data/rows.ts'
import { DiversityMeter } from '../diversity/meter.ts'
import type { Prompt } from '../prompt/prompt.ts'
import { type QueryOptions, unitsPerPassage } from '../query-units.ts'
import { QueryWriter } from '../query-writer.ts'
import { settledBy } from '../question.ts'
import { answerIn } from '../row-answer.ts'
import { passageIds } from './passage-ids.ts'

/** What is the same for all batches of a node. */
export interface StoredRules {
  prompt: Prompt
  options: QueryOptions
  /** Passages of the node. */
  passages: number
  negatives: boolean
}

/** Lines of passages, and where the answers to their first requests are stored, in the same order. */
export interface StoredBatch {
  lines: Uint8Array
  rows: LocatedRows
}

/** What stored answers came to: the lines to be written, and what is counted of them. */
export interface SettledBatch {
  pairs: Uint8Array<ArrayBuffer>
  negatives: Uint8Array<ArrayBuffer>
  negativeRows: number
  /** Pairs whose diversity is measured. */
  looked: readonly Pick<Pair, 'passage_id' | 'query'>[]
  counts: QueryWriter['counts']
  messages: QueryWriter['messages']
  cut: number
  /** Answers among the rows; the others are refusals. */
  answered: number
}

const UTF8 = new TextEncoder()

/** Reads stored answers to their end where nothing has to be asked; pure but for the files it reads, so that threads can. */
export class BatchSettler {
  readonly #rules: StoredRules
  readonly #meter: DiversityMeter
  readonly #reader = new LocatedRowReader()

  private constructor(rules: StoredRules, meter: DiversityMeter) {
    this.#rules = rules
    this.#meter = meter
  }

  static async of(rules: StoredRules): Promise<BatchSettler> {
    return new BatchSettler(rules, await DiversityMeter.of(rules.passages, rules.options.per_passage))
  }

  /** Undefined where a row is not whole, an answer leads to another request, or a passage is not as it should be. */
  async settle({ lines, rows }: StoredBatch): Promise<SettledBatch | undefined> {
    const { prompt, options, negatives } = this.#rules
    const count = rows.keys.length / KEY_BYTES
    const answerAt = this.#reader.read(rows, answerIn)
    const written: { pairs: string[]; negatives: string[] } = { pairs: [], negatives: [] }
    const looked: SettledBatch['looked'][number][] = []
    const pairsFile = {
      writeAll: async (pairs: readonly Pair[]) => {
        for (const pair of pairs) {
          written.pairs.push(rowText(pair))
          if (this.#meter.looksAt(pair)) looked.push({ passage_id: pair.passage_id, query: pair.query })
        }
      },
    }
    const negativesFile = {
      writeAll: async (some: readonly object[]) => {
        for (const row of some) written.negatives.push(rowText(row))
      },
    }
    const writer = new QueryWriter({ pairs: pairsFile, negatives: negatives ? negativesFile : undefined }, options)
    const each = unitsPerPassage(options)
    let answered = 0
    let at = 0
    for (const _id of passageIds(lines)) {
      if (_id === undefined) return undefined
      writer.counts.passages++
      for (let call = 0; call < each; call++) {
        const answer = at < count ? answerAt(at++) : undefined
        if (!answer) return undefined
        const settled = settledBy(prompt, answer, options.parse_attempts)
        if (!settled) return undefined
        if (answer.kind === 'answered') answered++
        writer.add({ _id }, call, [settled])
      }
    }
    if (at !== count) return undefined
    await writer.flush()
    const { counts, messages, cut } = writer
    const texts = { pairs: linesOf(written.pairs), negatives: linesOf(written.negatives) }
    return { ...texts, negativeRows: written.negatives.length, looked, counts, messages, cut, answered }
  }
}

function linesOf(rows: readonly string[]): Uint8Array<ArrayBuffer> {
  return UTF8.encode(rows.length === 0 ? '' : `${rows.join('\n')}\n`)
}
