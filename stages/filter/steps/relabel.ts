import path from 'node:path'
import { IdTable } from '../../data/id-table.ts'
import type { Passage } from '../../data/rows.ts'
import { TextSpool } from '../../data/text-spool.ts'
import type { SourceFile, StageContext, StageInput } from '../../define.ts'
import { Judge } from '../../judge/judge.ts'
import type { Hit } from '../../retrieval/top-k.ts'
import type { RelabelOptions } from '../options.ts'
import { CorpusSearcher } from '../searcher.ts'
import type { Step } from './step.ts'

/** The best passage found for a row so far. */
interface Best {
  passage: string
  grade: number
  /** 0 for the source passage, else its rank: among equal grades the lowest stays. */
  place: number
}

/**
 * Gives each query the passage that answers it best (Gecko): of its source passage and the `top_k` that a retriever finds
 * for it in the whole corpus, the one with the highest grade of a language model; of equal ones the source passage, then
 * the better rank. A query none of whose passages reaches `at_least` is dropped. The score is the grade.
 */
export async function relabelStep(
  { top_k, judge: options }: RelabelOptions,
  context: StageContext<unknown>,
  { at, corpus, encoders }: { at: number; corpus: SourceFile; encoders: readonly StageInput[] },
): Promise<Step> {
  const texts = new TextSpool(path.join(context.scratch, `${at}-relabel-passages`))
  const numbers = new IdTable()
  const parts = { corpus, encoders, top_k, step: `${at}/relabel` }
  const searcher = await CorpusSearcher.open(context, parts, (passage) => {
    numbers.add(passage._id, texts.add(JSON.stringify(passage)))
  })
  const passageOf = (id: string): Passage => JSON.parse(texts.get(numbers.get(id) as number)) as Passage
  const best = new Map<number, Best>()
  const queries = new Map<number, string>()
  const sources = new Map<number, string>()
  const judge = new Judge<Best & { row: number }>(context, `steps/${at}/relabel/judge`, options, (mark, grade) => {
    if (grade === null) return
    const { row, passage, place } = mark
    const before = best.get(row)
    if (!before || grade > before.grade || (grade === before.grade && place < before.place))
      best.set(row, { passage, grade, place })
  })
  let moved = 0
  const askAbout = async (row: number, query: string, source: string, hits: readonly Hit[]): Promise<void> => {
    const others = hits.map(({ id }) => id).filter((id) => id !== source)
    for (const [place, passage] of [source, ...others].entries())
      await judge.ask({ mark: { row, passage, grade: 0, place }, query, passage: passageOf(passage) })
  }
  return {
    name: 'relabel',
    async judge(batch) {
      for (const candidate of batch) {
        const { row, pair, passage } = candidate
        searcher.requireKnown(candidate)
        sources.set(row, passage._id)
        if (searcher.atOnce) await askAbout(row, pair.query, passage._id, searcher.search(pair.query))
        else {
          queries.set(row, pair.query)
          searcher.putOff(candidate)
        }
      }
      return batch.map(() => ({ keep: true, score: null }))
    },
    async settle() {
      await searcher.searchLater((row, source, hits) => askAbout(row, queries.get(row) as string, source, hits))
      await judge.finish()
      return (row) => {
        const found = best.get(row)
        if (!found || found.grade < options.at_least) return { keep: false, score: found?.grade ?? null }
        if (found.passage === sources.get(row)) return { keep: true, score: found.grade }
        moved++
        return { keep: true, score: found.grade, passage: passageOf(found.passage) }
      }
    },
    incomplete: () => judge.failed,
    facts: () => ({ ...searcher.facts, relabelled: moved, ...judge.facts() }),
    async close() {
      await judge.abandon()
      searcher.close()
      texts.close()
    },
  }
}
