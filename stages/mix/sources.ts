import { readCorpus } from '../data/beir.ts'
import { corpusOf, inputsAt } from '../data/inputs.ts'
import { readJsonl } from '../data/jsonl.ts'
import { readPassages } from '../data/pairs.ts'
import { FILES, fileOf, type Pair, type Passage, passageText } from '../data/rows.ts'
import { loadSplit } from '../data/split.ts'
import { type SourceFile, type StageContext, StageError, type StageInput } from '../define.ts'
import { normalise } from '../text/normalise.ts'
import { type Example, type TextKey, textKey } from './example.ts'
import type { MixOptions } from './stage.ts'

/** What one source brought. */
interface SourceReport {
  kind: Example['kind']
  name: string
  weight: number
  /** Pairs that it has. */
  read: number
  /** Pairs left out because query or passage has no text. */
  empty: number
}

/** All sources in memory. */
export interface Sources {
  reports: SourceReport[]
  examples: Example[]
  /** Corpora by digest; passages of a corpus are all there only where negatives are mined. */
  corpora: ReadonlyMap<string, ReadonlyMap<string, Passage>>
  /** Digest of the corpus of a source, if it has one. */
  corpusOfSource(source: number): string | undefined
}

/**
 * Reads every source. Judgements that name unknown queries or passages, and pairs whose passage is not with them, are
 * a StageError. With `wholeCorpora` all passages stay in memory, else those that judgements name.
 */
export async function readSources(context: StageContext<MixOptions>, wholeCorpora: boolean): Promise<Sources> {
  const { options, inputs, signal } = context
  const wanted = new Map<string, { file: SourceFile; ids: Set<string> }>()
  const corpusDigests = new Map<number, string>()
  for (const i of options.pairs.keys()) {
    const corpusInput = inputs[`pairs/${i}/corpus`]
    const isSplit = inputs[`pairs/${i}/from`]?.type === 'dataset'
    if (!corpusInput || !(isSplit || wholeCorpora)) continue
    const file = corpusOf(corpusInput)
    const want = wanted.get(file.digest) ?? { file, ids: new Set<string>() }
    wanted.set(file.digest, want)
    corpusDigests.set(i, file.digest)
    if (!isSplit) continue
    const split = await loadSplit(inputs[`pairs/${i}/from`])
    for (const judged of split.qrels.values()) for (const id of judged.keys()) want.ids.add(id)
  }
  const corpora = new Map<string, Map<string, Passage>>()
  for (const [digest, { file, ids }] of wanted) {
    const passages = new Map<string, Passage>()
    let read = 0
    for await (const passage of readCorpus(file)) {
      if (++read % 1000 === 0) signal.throwIfAborted()
      if (wholeCorpora || ids.has(passage._id)) passages.set(passage._id, passage)
    }
    corpora.set(digest, passages)
  }
  const reports: SourceReport[] = []
  const examples: Example[] = []
  for (const [i, { weight = 1 }] of options.pairs.entries()) {
    const from = inputsAt(inputs, `pairs/${i}/from`)
    const [input] = from
    const keys = new Map<string, { text: string; key: TextKey }>()
    const passages = corpora.get(corpusDigests.get(i) ?? '')
    const report: SourceReport = { ...describe(input, i), weight, read: 0, empty: 0 }
    reports.push(report)
    const add = (query_id: string, anchor: string, passage: Passage): void => {
      report.read++
      let positive = keys.get(passage._id)
      if (!positive) {
        const text = passageText(passage)
        positive = { text, key: textKey(text) }
        keys.set(passage._id, positive)
      }
      const normalised = normalise(anchor)
      if (normalised === '' || positive.text === '') {
        report.empty++
        return
      }
      examples.push({
        source: i,
        kind: report.kind,
        query_id,
        passage_id: passage._id,
        anchor,
        normalised,
        positive: positive.text,
        positiveKey: positive.key,
      })
    }
    if (input?.type === 'dataset') {
      if (!passages) throw new Error(`pairs/${i} has no corpus`)
      const split = await loadSplit(input, passages)
      for (const [query, judged] of split.qrels)
        for (const [passage, relevance] of judged)
          if (relevance > 0) add(query, split.queries.get(query) as string, passages.get(passage) as Passage)
    } else {
      const seen = new Set<string>()
      for (const one of from) {
        // Variants over several collections may use one id for different passages.
        keys.clear()
        const own = await readPassages(one)
        for await (const { row, line } of readJsonl<Pair>(fileOf(one, FILES.pairs).location, FILES.pairs)) {
          const passage = own.get(row.passage_id)
          if (!passage)
            throw new StageError(`the pair names a passage that is not with it: ${JSON.stringify(row.passage_id)}`, {
              where: `${FILES.pairs}:${line}`,
            })
          if (from.length > 1) {
            const pair = JSON.stringify([row._id, row.query, row.passage_id, passageText(passage)])
            if (seen.has(pair)) continue
            seen.add(pair)
          }
          add(row._id, row.query, passage)
        }
      }
    }
  }
  return { reports, examples, corpora, corpusOfSource: (source) => corpusDigests.get(source) }
}

function describe(input: StageInput | undefined, i: number): Pick<SourceReport, 'kind' | 'name'> {
  return input?.type === 'dataset'
    ? { kind: 'labelled', name: input.split === undefined ? input.name : `${input.name}.${input.split}` }
    : { kind: 'synthetic', name: `pairs/${i}` }
}
