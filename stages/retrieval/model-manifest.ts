import { StageError } from '../define.ts'
import { POOLINGS, type Pooling } from '../encoders/pooling.ts'

/** What an encoder was trained with and must be asked with: `queryloom.json` of a model folder. */
export interface ModelManifest {
  schema: 1
  similarity: 'cosine' | 'dot'
  pooling: Pooling
  /** Put before every text of that side. */
  prefixes: { query: string; passage: string }
  /** How a passage becomes text: title, space, text, trimmed. */
  title: 'title + " " + text'
}

/** What holds for a model without a manifest. */
export const DEFAULT_MANIFEST: ModelManifest = {
  schema: 1,
  similarity: 'cosine',
  pooling: 'mean',
  prefixes: { query: '', passage: '' },
  title: 'title + " " + text',
}

/**
 * Reads the manifest; members that are absent have their defaults. A convention that is not known here is a
 * StageError: evaluating by another one would give wrong numbers silently.
 */
export function parseManifest(text: string | undefined): ModelManifest {
  if (text === undefined) return DEFAULT_MANIFEST
  const where = 'queryloom.json'
  let written: unknown
  try {
    written = JSON.parse(text)
  } catch {
    throw new StageError('malformed JSON', { where })
  }
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    throw new StageError('the manifest must be an object', { where })
  const { similarity, pooling, prefixes, title } = { ...DEFAULT_MANIFEST, ...written } as {
    [name: string]: unknown
  }
  if (similarity !== 'cosine' && similarity !== 'dot') throw unknown('similarity', similarity)
  const known = POOLINGS.find((name) => name === pooling)
  if (known === undefined) throw unknown('pooling', pooling)
  if (title !== DEFAULT_MANIFEST.title) throw unknown('title', title)
  const { query = '', passage = '' } = (prefixes ?? {}) as { [side: string]: unknown }
  if (typeof query !== 'string' || typeof passage !== 'string') throw unknown('prefixes', prefixes)
  return { ...DEFAULT_MANIFEST, similarity, pooling: known, prefixes: { query, passage } }
}

function unknown(name: string, value: unknown): StageError {
  return new StageError(`unknown ${name}: ${JSON.stringify(value)}`, {
    where: 'queryloom.json',
    advice: 'The model was written by another version.',
  })
}
