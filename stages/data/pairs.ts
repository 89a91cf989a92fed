import { chmod, constants, copyFile } from 'node:fs/promises'
import path from 'node:path'
import type { StageInput } from '../define.ts'
import { readJsonl } from './jsonl.ts'
import { artifact, FILES, fileOf, type Passage } from './rows.ts'

/** Passages of a `passages` or `pairs` artifact by id, in the order of its rows. */
export async function readPassages(input: StageInput | undefined): Promise<Map<string, Passage>> {
  const passages = new Map<string, Passage>()
  for await (const { row } of readJsonl<Passage>(fileOf(input, FILES.passages).location, FILES.passages))
    passages.set(row._id, row)
  return passages
}

/** Copies what a `pairs` artifact carries beside its rows (passages, manifest) into an output; bytes stay the same. */
export async function copyCompanions(input: StageInput | undefined, folder: string): Promise<void> {
  for (const file of artifact(input).files) {
    if (file.path === FILES.pairs) continue
    const place = path.join(folder, file.path)
    await copyFile(file.location, place, constants.COPYFILE_FICLONE)
    await chmod(place, 0o644)
  }
}
