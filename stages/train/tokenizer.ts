import { readFile } from 'node:fs/promises'
import { type Json, StageError } from '../define.ts'
import { loadTokenizer } from '../retrieval/static-tokenizer.ts'
import { type TextEncoder, uncasedWordPieceEncoder } from './wordpiece/encoder.ts'

/** A tokenizer, and the text of the `tokenizer.json` that says which one it is. */
export interface TrainedWith {
  json: string
  encoder: TextEncoder
}

/**
 * Reads a `tokenizer.json` of any form that evaluation can read too. Truncation and padding are taken out of it, since
 * a static model reads texts whole. Anything else is a StageError; `shown` is the path that people see.
 */
export async function readTokenizer(location: string, shown: string = location): Promise<TrainedWith> {
  const text = await readFile(location, 'utf8')
  const parsed = parse(text, shown)
  const whole = !parsed.truncation && !parsed.padding
  return tokenizerOf(whole ? text : `${JSON.stringify({ ...parsed, truncation: null, padding: null })}\n`, shown)
}

/** The tokenizer of a `tokenizer.json` given as text. */
export function tokenizerOf(json: string, shown = 'tokenizer.json'): TrainedWith {
  const parsed = parse(json, shown)
  const encoder = uncasedWordPieceEncoder(parsed) ?? {
    vocabularySize: vocabularySize(parsed),
    encode: loadTokenizer(json, shown),
  }
  return { json, encoder }
}

function parse(text: string, shown: string): { [name: string]: Json } {
  let parsed: Json
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new StageError(`malformed JSON: ${(error as Error).message}`, { where: shown })
  }
  if (isMap(parsed) && isMap(parsed.model)) return parsed
  throw new StageError('not a tokenizer.json: it has no `model`', {
    where: shown,
    advice: 'Give the file that the `tokenizers` library saves.',
  })
}

/** One more than the greatest id: rows of the table that ids can stand for. */
function vocabularySize(tokenizer: { [name: string]: Json }): number {
  const { vocab } = tokenizer.model as { vocab?: Json }
  const ids = Array.isArray(vocab) ? [vocab.length - 1] : isMap(vocab) ? Object.values(vocab) : []
  const added = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []
  let size = 0
  for (const id of [...ids, ...added.map((token) => (isMap(token) ? token.id : undefined))])
    if (typeof id === 'number' && id + 1 > size) size = id + 1
  return size
}

function isMap(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
