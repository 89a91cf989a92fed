import { compareUtf8 } from '../../cache/canonical.ts'
import { type SourceFile, StageError, type StageInput } from '../define.ts'
import { draw } from '../generate/draw.ts'
import { readCorpus } from './beir.ts'
import { splitOf } from './inputs.ts'
import type { Passage } from './rows.ts'
import { loadSplit } from './split.ts'

/** A labelled query of a split with a passage that answers it. */
export type LabelledExample = { query_id: string; passage_id: string; title: string; text: string; query: string }

/** How labelled queries are drawn from a split: which ones follows from this and the collection alone. */
export type LabelledDraw = { count: number; seed: number }

/** Queries that are looked at for each that is wanted: some have no passage with a text. */
const SPARE = 4
const REMEMBERED = 32

const remembered = new Map<string, Promise<readonly LabelledExample[]>>()

/**
 * The first `count` queries of a split, in an order drawn by the seed and their ids, that have a relevant passage with a
 * text: the most relevant one, of several the first by id. Fewer than `count` are a StageError.
 */
export function drawLabelled(
  split: StageInput | undefined,
  corpus: SourceFile,
  how: LabelledDraw,
): Promise<readonly LabelledExample[]> {
  const { queries, qrels } = splitOf(split)
  const id = JSON.stringify([queries.digest, qrels.digest, corpus.digest, how.count, how.seed])
  let examples = remembered.get(id)
  if (!examples) {
    examples = drawAll(split, corpus, how)
    examples.catch(() => remembered.delete(id))
    remembered.set(id, examples)
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value as string)
  }
  return examples
}

async function drawAll(
  split: StageInput | undefined,
  corpus: SourceFile,
  { count, seed }: LabelledDraw,
): Promise<readonly LabelledExample[]> {
  const { queries, qrels } = await loadSplit(split)
  const candidates = [...queries]
    .flatMap(([query_id, query]) => {
      const passage_id = answerOf(qrels.get(query_id))
      return passage_id === undefined || query.trim() === '' ? [] : [{ query_id, query, passage_id }]
    })
    .map((candidate) => ({ ...candidate, rank: draw('labelled example', seed, candidate.query_id) }))
    .sort((a, b) => a.rank - b.rank || compareUtf8(a.query_id, b.query_id))
    .slice(0, SPARE * count)
  const wanted = new Set(candidates.map(({ passage_id }) => passage_id))
  const passages = new Map<string, Passage>()
  if (wanted.size > 0)
    for await (const passage of readCorpus(corpus)) if (wanted.has(passage._id)) passages.set(passage._id, passage)
  const examples = candidates.flatMap(({ query_id, query, passage_id }) => {
    const { title = '', text = '' } = passages.get(passage_id) ?? {}
    return text.trim() === '' ? [] : [{ query_id, passage_id, title, text, query }]
  })
  if (examples.length < count)
    throw new StageError(
      `${count} labelled queries with a passage are wanted as examples, and the split has ${examples.length}`,
      { where: splitOf(split).qrels.location, advice: 'Ask for fewer, or take them from another split.' },
    )
  return examples.slice(0, count)
}

function answerOf(judgements: ReadonlyMap<string, number> | undefined): string | undefined {
  let best: { passage: string; relevance: number } | undefined
  for (const [passage, relevance] of judgements ?? []) {
    if (relevance <= 0) continue
    const better = best === undefined || relevance > best.relevance
    if (better || (relevance === best!.relevance && compareUtf8(passage, best!.passage) < 0))
      best = { passage, relevance }
  }
  return best?.passage
}
