import { Tokenizer } from '@huggingface/tokenizers'
import { type Json, StageError } from '../define.ts'
import { tokenizerOf } from '../train/tokenizer.ts'

/** Token ids of what a transformer reads, with the special tokens around them, cut to its longest input. */
export interface ModelTokenizer {
  one(text: string): number[]
  /** Both texts; of the longer one more is cut. `types` tells which of the two a token belongs to. */
  pair(first: string, second: string): { ids: number[]; types: number[] }
}

/** How a tokenizer is to be used. */
export interface TokenizerUse {
  /** Of all tokens, special ones included. */
  maxLength: number
  lowerCase: boolean
}

/**
 * The tokenizer of a `tokenizer.json`. Truncation and padding that the file asks for are left out, as
 * SentenceTransformers sets its own; special tokens are those of the file's post-processor.
 */
export function modelTokenizer(
  json: string,
  config: { [name: string]: Json },
  { maxLength, lowerCase }: TokenizerUse,
): ModelTokenizer {
  const whole = JSON.stringify({ ...(JSON.parse(json) as object), truncation: null, padding: null })
  const { encoder } = tokenizerOf(whole)
  const library = new Tokenizer(JSON.parse(whole) as object, config)
  const around = specialTokens(library)
  const fromLeft = config.truncation_side === 'left'
  const cut = (ids: readonly number[], most: number): readonly number[] =>
    ids.length <= most ? ids : fromLeft ? ids.slice(ids.length - most) : ids.slice(0, Math.max(0, most))
  const contentOf = (text: string): readonly number[] => encoder.encode(lowerCase ? text.toLowerCase() : text)
  return {
    one(text) {
      const { before, after } = around.one
      return [...before, ...cut(contentOf(text), maxLength - before.length - after.length), ...after]
    },
    pair(first, second) {
      const { before, between, after, types } = around.pair()
      const whole = [contentOf(first), contentOf(second)] as const
      const most = maxLength - before.length - between.length - after.length
      const [keepFirst, keepSecond] = longestFirst(whole[0].length, whole[1].length, most)
      const a = cut(whole[0], keepFirst)
      const b = cut(whole[1], keepSecond)
      const head = before.length + a.length
      const tail = b.length + after.length
      return {
        ids: [...before, ...a, ...between, ...b, ...after],
        types: [
          ...new Array<number>(head).fill(types.first),
          ...between.map((_, i) => types.between[i]!),
          ...new Array<number>(tail).fill(types.second),
        ],
      }
    },
  }
}

// As the `tokenizers` library does, down to who gets the odd token.
function longestFirst(first: number, second: number, most: number): readonly [number, number] {
  if (first + second <= most) return [first, second]
  const shorter = Math.min(first, second)
  let longer = shorter > most ? shorter : Math.max(shorter, most - shorter)
  let kept = shorter
  if (kept + longer > most) {
    kept = Math.floor(most / 2)
    longer = kept + (most % 2)
  }
  return first > second ? [longer, kept] : [kept, longer]
}

interface SpecialTokens {
  one: { before: number[]; after: number[] }
  pair(): {
    before: number[]
    between: number[]
    after: number[]
    types: { first: number; between: number[]; second: number }
  }
}

// Whatever the post-processor is, what it adds is what stands around the ids of the text itself.
function specialTokens(library: Tokenizer): SpecialTokens {
  const plain = (text: string): number[] => library.encode(text, { add_special_tokens: false }).ids
  const [a, b] = [plain('a'), plain('b')]
  const one = library.encode('a').ids
  const start = find(one, a, 0)
  return {
    one: { before: one.slice(0, start), after: one.slice(start + a.length) },
    pair: () => {
      const { ids, token_type_ids: types } = library.encode('a', { text_pair: 'b', return_token_type_ids: true })
      const first = find(ids, a, 0)
      const second = find(ids, b, first + a.length)
      return {
        before: ids.slice(0, first),
        between: ids.slice(first + a.length, second),
        after: ids.slice(second + b.length),
        types: {
          first: types[first] ?? 0,
          between: types.slice(first + a.length, second),
          second: types[second] ?? 0,
        },
      }
    },
  }
}

function find(ids: readonly number[], wanted: readonly number[], from: number): number {
  for (let at = from; at + wanted.length <= ids.length; at++) if (wanted.every((id, i) => ids[at + i] === id)) return at
  throw new StageError('the tokenizer changes a text that special tokens are put around', {
    where: 'tokenizer.json',
    advice: 'This form of tokenizer is not supported.',
  })
}
