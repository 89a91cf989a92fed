import { Tokenizer } from '@huggingface/tokenizers'
import { StageError } from '../define.ts'

/** Token ids of a text without special tokens, as StaticEmbedding asks for them. */
export type Tokenize = (text: string) => readonly number[]

/**
 * A tokenizer from the text of any `tokenizer.json` that the library understands. Neither special tokens nor padding are
 * added; a truncation that the file asks for is applied. Two rare departures from the Python library, seen with BERT's
 * uncased form: a Greek final sigma, and CJK characters beyond the basic plane.
 */
export function loadTokenizer(json: string, shown: string): Tokenize {
  let file: { truncation?: { max_length?: unknown; direction?: unknown } | null }
  let tokenizer: Tokenizer
  try {
    file = JSON.parse(json)
    tokenizer = new Tokenizer(file, {})
  } catch (error) {
    throw new StageError(`the tokenizer can't be read: ${(error as Error).message}`, { where: shown })
  }
  const whole: Tokenize = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids
  const most = file.truncation?.max_length
  if (typeof most !== 'number') return whole
  return file.truncation?.direction === 'Left'
    ? (text) => {
        const ids = whole(text)
        return ids.slice(Math.max(0, ids.length - most))
      }
    : (text) => whole(text).slice(0, most)
}
