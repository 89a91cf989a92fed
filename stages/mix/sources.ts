import { readCorpus } from '../data/beir.ts'
import { IdTable } from '../data/id-table.ts'
import { corpusOf, inputsAt } from '../data/inputs.ts'
import { readJsonl } from '../data/jsonl.ts'
import { PassageLookup } from '../data/passage-lookup.ts'
import { FILES, fileOf, type Pair } from '../data/rows.ts'
import { loadSplit } from '../data/split.ts'
import { type SourceFile, type StageContext, StageError, type StageInput } from '../define.ts'
import { normalise } from '../text/normalise.ts'
import type { Examples, Kind } from './examples.ts'
import type { MixOptions } from './options.ts'
import type { Passages } from './passages.ts'

/** What one source brought. */
export interface SourceReport {
  kind: Kind
  name: string
  /** Pairs that it has. */
  read: number
  /** Pairs left out because query or passage has no text. */
  empty: number
}

/** A corpus whose passages were read: all of them where negatives are mined, else those that judgements name. */
export interface Corpus {
  file: SourceFile
  /** Numbers of its passages by id. */
  numbers: IdTable
  /** Number of its first passage; the others follow. */
  first: number
  size: number
}

/** Index of the source that `dev: {from: …}` is, behind those of `pairs`. */
export function devSource(options: MixOptions): number {
  return options.pairs.length
}

/**
 * Reads every source into `examples`, and the split that is to be dev as one more. Judgements that name unknown queries
 * or passages, and pairs whose passage is not with them, are a StageError.
 */
export class SourceReader {
  readonly reports: SourceReport[] = []
  /** By digest of the file. */
  readonly corpora: Map<string, Corpus> = new Map()
  readonly #digests = new Map<number, string>()
  readonly #context: StageContext<MixOptions>
  readonly #examples: Examples
  readonly #passages: Passages

  constructor(context: StageContext<MixOptions>, examples: Examples, passages: Passages) {
    this.#context = context
    this.#examples = examples
    this.#passages = passages
  }

  /** The corpus of a source, if it has one. */
  corpusOf(source: number): Corpus | undefined {
    return this.corpora.get(this.#digests.get(source) ?? '')
  }

  /** `wholeCorpora`: all passages of corpora are wanted. */
  async read(wholeCorpora: boolean): Promise<void> {
    const { options, inputs } = this.#context
    const sources = options.pairs.map((_, i) => ({ from: `pairs/${i}/from`, corpus: `pairs/${i}/corpus` }))
    const { dev } = options
    if (typeof dev === 'object' && 'from' in dev) sources.push({ from: 'dev/from', corpus: 'dev/corpus' })
    await this.#readCorpora(sources, wholeCorpora)
    for (const [i, { from }] of sources.entries()) {
      const found = inputsAt(inputs, from)
      const [input] = found
      this.reports.push({ ...describe(input, from.replace(/\/from$/, '')), read: 0, empty: 0 })
      if (input?.type === 'dataset') await this.#readSplit(i, input)
      else await this.#readPairs(i, found)
    }
  }

  async #readCorpora(sources: readonly { from: string; corpus: string }[], whole: boolean): Promise<void> {
    const { inputs, signal } = this.#context
    const wanted = new Map<string, { file: SourceFile; ids: Set<string> }>()
    for (const [i, { from, corpus }] of sources.entries()) {
      const isSplit = inputs[from]?.type === 'dataset'
      if (!inputs[corpus] || !(isSplit || whole)) continue
      const file = corpusOf(inputs[corpus])
      const want = wanted.get(file.digest) ?? { file, ids: new Set<string>() }
      wanted.set(file.digest, want)
      this.#digests.set(i, file.digest)
      if (!isSplit) continue
      const split = await loadSplit(inputs[from])
      for (const judged of split.qrels.values()) for (const id of judged.keys()) want.ids.add(id)
    }
    for (const [digest, { file, ids }] of wanted) {
      const corpus: Corpus = { file, numbers: new IdTable(), first: this.#passages.size, size: 0 }
      let read = 0
      for await (const passage of readCorpus(file)) {
        if (++read % 1000 === 0) signal.throwIfAborted()
        if (!whole && !ids.has(passage._id)) continue
        corpus.numbers.add(passage._id, this.#passages.add(passage))
        corpus.size++
      }
      this.corpora.set(digest, corpus)
    }
  }

  async #readSplit(source: number, input: StageInput): Promise<void> {
    const corpus = this.corpusOf(source)
    if (!corpus) throw new Error(`source ${source} has no corpus`)
    const split = await loadSplit(input, corpus.numbers)
    for (const [query, judged] of split.qrels)
      for (const [passage, relevance] of judged)
        if (relevance > 0)
          this.#add(source, query, split.queries.get(query) as string, corpus.numbers.get(passage) as number)
  }

  async #readPairs(source: number, from: readonly StageInput[]): Promise<void> {
    // A list over variants is one source: each pair of it counts once.
    const seen = new IdTable()
    for (const one of from) {
      // Variants over several collections may use one id for different passages.
      const numbers = new IdTable()
      const lookup = new PassageLookup(one)
      try {
        for await (const { row, line } of readJsonl<Pair>(fileOf(one, FILES.pairs).location, FILES.pairs)) {
          let number = numbers.get(row.passage_id)
          if (number === undefined) {
            const passage = await lookup.get(row.passage_id)
            if (!passage) throw notWithIt(row, line)
            number = this.#passages.add(passage)
            numbers.add(row.passage_id, number)
          }
          if (from.length > 1) {
            const pair = JSON.stringify([row._id, row.query, row.passage_id, this.#passages.text(number)])
            if (seen.add(pair, 0) !== undefined) continue
          }
          this.#add(source, row._id, row.query, number)
        }
      } finally {
        await lookup.close()
      }
    }
  }

  #add(source: number, query_id: string, anchor: string, passage: number): void {
    const report = this.reports[source] as SourceReport
    report.read++
    const normalised = normalise(anchor)
    if (normalised === '' || this.#passages.isEmpty(passage)) report.empty++
    else this.#examples.add({ source, query_id, anchor, normalised, passage })
  }
}

function notWithIt(row: Pair, line: number): StageError {
  return new StageError(`the pair names a passage that is not with it: ${JSON.stringify(row.passage_id)}`, {
    where: `${FILES.pairs}:${line}`,
  })
}

function describe(input: StageInput | undefined, shown: string): Pick<SourceReport, 'kind' | 'name'> {
  return input?.type === 'dataset'
    ? { kind: 'labelled', name: input.split === undefined ? input.name : `${input.name}.${input.split}` }
    : { kind: 'synthetic', name: shown }
}
