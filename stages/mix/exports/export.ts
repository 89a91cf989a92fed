import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { unreachable } from '../../../engine/util/unreachable.ts'
import type { ExportForm } from '../options.ts'
import type { FullRow } from '../training-rows.ts'
import { flagEmbedding } from './flag-embedding.ts'
import { parquet } from './parquet.ts'
import { sentenceTransformers } from './sentence-transformers.ts'
import { tevatron } from './tevatron.ts'

/** Writes rows in another program's form. */
export interface Exporter {
  write(row: FullRow): Promise<void>
  close(): Promise<void>
}

/** What an exporter may know before the first row. */
export interface ExportShape {
  /** Most negatives of a row. */
  negatives: number
  scores: boolean
}

/** Opens the writer of rows of `split` (`train` or `dev`) in a folder of the form's name. */
export async function openExport(
  form: ExportForm,
  exportsFolder: string,
  split: 'train' | 'dev',
  shape: ExportShape,
): Promise<Exporter> {
  const folder = path.join(exportsFolder, form)
  await mkdir(folder, { recursive: true })
  switch (form) {
    case 'sentence-transformers':
      return sentenceTransformers(path.join(folder, `${split}.jsonl`), shape)
    case 'parquet':
      return parquet(path.join(folder, `${split}.parquet`), shape)
    case 'tevatron':
      return tevatron(folder, split)
    case 'flagembedding':
      return flagEmbedding(path.join(folder, `${split}.jsonl`))
    default:
      return unreachable(form)
  }
}
