import { readCorpus } from '../data/beir.ts'
import { corpusOf } from '../data/inputs.ts'
import type { StageInput } from '../define.ts'
import type { Pool } from './pool.ts'

/** Title and text of a passage. */
export type PassageText = { title: string; text: string }

/** Hands over the texts of all passages of a pool, in the order of the corpus, each once. */
export async function eachPooledText(
  { byQuery }: Pool,
  dataset: StageInput | undefined,
  onText: (id: string, text: PassageText) => void,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set<string>()
  for (const pooled of byQuery.values()) for (const { passage } of pooled) wanted.add(passage)
  let read = 0
  for await (const { _id, title, text } of readCorpus(corpusOf(dataset))) {
    if (++read % 4096 === 0) signal.throwIfAborted()
    if (wanted.has(_id)) onText(_id, { title, text })
  }
}
