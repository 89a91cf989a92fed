import type { StageInput } from '../define.ts'
import { readJsonl } from './jsonl.ts'
import { FILES, fileOf, type Passage } from './rows.ts'

/** Passages of a `passages` or `pairs` artifact by id, in the order of its rows. */
export async function readPassages(input: StageInput | undefined): Promise<Map<string, Passage>> {
  const passages = new Map<string, Passage>()
  for await (const { row } of readJsonl<Passage>(fileOf(input, FILES.passages).location, FILES.passages))
    passages.set(row._id, row)
  return passages
}
