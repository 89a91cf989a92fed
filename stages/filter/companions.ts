import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { appendFile, chmod, constants, copyFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { artifact, FILES, type Passage } from '../data/rows.ts'
import type { StageInput } from '../define.ts'
import { THRESHOLDS_FILE } from './thresholds.ts'

const MANIFEST = 'manifest.json'

/**
 * Copies what a `pairs` artifact carries beside its rows (passages, manifest) into an output, byte for byte. Passages
 * that steps gave to pairs and that are not among them stand behind the others, and the manifest names the new file.
 */
export async function writeCompanions(
  input: StageInput | undefined,
  folder: string,
  added: readonly Passage[],
): Promise<void> {
  const names = new Set<string>()
  for (const file of artifact(input).files) {
    if (file.path === FILES.pairs || file.path === THRESHOLDS_FILE) continue
    const place = path.join(folder, file.path)
    await copyFile(file.location, place, constants.COPYFILE_FICLONE)
    await chmod(place, 0o644)
    names.add(file.path)
  }
  if (added.length === 0) return
  const passages = path.join(folder, FILES.passages)
  await appendFile(passages, added.map((passage) => `${JSON.stringify(passage)}\n`).join(''))
  if (!names.has(MANIFEST)) return
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(passages)) hash.update(chunk as Buffer)
  const place = path.join(folder, MANIFEST)
  const manifest = JSON.parse(await readFile(place, 'utf8')) as { corpus?: { blob?: string } }
  if (manifest.corpus?.blob === undefined) return
  manifest.corpus.blob = `sha256:${hash.digest('hex')}`
  await writeFile(place, `${JSON.stringify(manifest)}\n`)
}
