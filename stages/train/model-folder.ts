import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type ArtifactFile, StageError } from '../define.ts'
import { DEFAULT_MANIFEST, type ModelManifest, parseManifest } from '../retrieval/model-manifest.ts'
import { type Matrix, readMatrix } from '../retrieval/safetensors.ts'
import { writeMatrix } from './safetensors.ts'
import { type TrainedWith, tokenizerOf } from './tokenizer.ts'

/** A static embedding model as it is trained: its table, its tokenizer, and the conventions for its texts. */
export interface TrainableModel {
  table: Matrix
  tokenizer: TrainedWith
  prefixes: ModelManifest['prefixes']
}

const TENSOR = 'embedding.weight'

/**
 * Writes a model as SentenceTransformers (3.2 and later) does: a StaticEmbedding module at the top and a Normalize
 * module, so that vectors have length 1 there too; beside them queryloom's manifest. Only what follows from the model.
 */
export async function writeModel(folder: string, { table, tokenizer, prefixes }: TrainableModel): Promise<void> {
  const manifest = { ...DEFAULT_MANIFEST, prefixes, architecture: 'static', dimensions: table.columns }
  // The names of 3.2; later versions, which moved the classes, still find them by these.
  const modules = [
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.StaticEmbedding' },
    { idx: 1, name: '1', path: '1_Normalize', type: 'sentence_transformers.models.Normalize' },
  ]
  const config = {
    prompts: { query: prefixes.query, document: prefixes.passage },
    default_prompt_name: null,
    similarity_fn_name: manifest.similarity,
  }
  await writeMatrix(path.join(folder, 'model.safetensors'), TENSOR, table)
  await writeFile(path.join(folder, 'tokenizer.json'), tokenizer.json)
  await writeJson(path.join(folder, 'modules.json'), modules)
  await writeJson(path.join(folder, 'config_sentence_transformers.json'), config)
  // An artifact is a list of files: without one, the module's folder would not be there.
  await mkdir(path.join(folder, '1_Normalize'))
  await writeJson(path.join(folder, '1_Normalize', 'config.json'), {})
  await writeJson(path.join(folder, 'queryloom.json'), manifest)
}

/** Reads a model written by `writeModel`, to be trained on. Anything else is a StageError. */
export async function readModel(files: readonly Pick<ArtifactFile, 'path' | 'location'>[]): Promise<TrainableModel> {
  const locate = (name: string): string => {
    const file = files.find((candidate) => candidate.path === name)
    if (file) return file.location
    throw new StageError(`the base model has no ${name}`, {
      advice: 'Only static models of a train stage can be trained further.',
    })
  }
  const manifest = parseManifest(await readFile(locate('queryloom.json'), 'utf8'))
  if (manifest.similarity !== 'cosine')
    throw new StageError(`the base model is compared by ${manifest.similarity}; only cosine can be trained`)
  const tokenizer = tokenizerOf(await readFile(locate('tokenizer.json'), 'utf8'))
  const table = await readMatrix(locate('model.safetensors'), TENSOR, 'model.safetensors')
  if (table.rows < tokenizer.encoder.vocabularySize)
    throw new StageError(
      `the tokenizer has ${tokenizer.encoder.vocabularySize} tokens, and the table of the base model ${table.rows} rows`,
    )
  return { table, tokenizer, prefixes: manifest.prefixes }
}

async function writeJson(location: string, value: unknown): Promise<void> {
  await writeFile(location, `${JSON.stringify(value, null, 2)}\n`)
}
