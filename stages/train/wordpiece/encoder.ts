import { bertWords } from './bert-text.ts'
import { CONTINUATION } from './tokenizer-json.ts'

/** Words whose pieces are remembered; the table is emptied when it is full. */
const REMEMBERED_WORDS = 1 << 18

/** Token ids of texts, without special tokens around them. */
export interface TextEncoder {
  /** Ids are below this. */
  readonly vocabularySize: number
  encode(text: string): readonly number[]
}

/** What of a `tokenizer.json` the encoder below understands. */
interface UncasedWordPiece {
  vocab: { readonly [token: string]: number }
  unk_token: string
  max_input_chars_per_word: number
  added: readonly { content: string; id: number }[]
}

/**
 * Encodes with an uncased BERT WordPiece tokenizer just as the `tokenizers` library does, words remembered. Returns
 * undefined for tokenizers of any other form.
 */
export function uncasedWordPieceEncoder(tokenizer: unknown): TextEncoder | undefined {
  const form = uncasedWordPiece(tokenizer)
  if (!form) return undefined
  const { added } = form
  const starts = new Map<string, number>(Object.entries(form.vocab))
  const insides = new Map<string, number>()
  let longest = 0
  let vocabularySize = 0
  for (const [token, id] of starts) {
    if (token.startsWith(CONTINUATION)) insides.set(token.slice(CONTINUATION.length), id)
    longest = Math.max(longest, token.length)
    vocabularySize = Math.max(vocabularySize, id + 1)
  }
  for (const { id } of added) vocabularySize = Math.max(vocabularySize, id + 1)
  const unknown = starts.get(form.unk_token) as number
  const most = form.max_input_chars_per_word

  const cut = (word: string): number[] => {
    // As many code units can't be more code points.
    if (word.length > most && Array.from(word).length > most) return [unknown]
    const pieces: number[] = []
    for (let start = 0; start < word.length; ) {
      const table = start === 0 ? starts : insides
      let end = Math.min(word.length, start + longest)
      let id = table.get(word.slice(start, end))
      while (id === undefined && --end > start) id = table.get(word.slice(start, end))
      if (id === undefined) return [unknown]
      pieces.push(id)
      start = end
    }
    return pieces
  }

  const remembered = new Map<string, readonly number[]>()
  const encodePlain = (text: string, ids: number[]): void => {
    for (const word of bertWords(text)) {
      let pieces = remembered.get(word)
      if (!pieces) {
        pieces = cut(word)
        if (remembered.size >= REMEMBERED_WORDS) remembered.clear()
        remembered.set(word, pieces)
      }
      for (const piece of pieces) ids.push(piece)
    }
  }

  const addedIds = new Map(added.map(({ content, id }) => [content, id]))
  const split =
    added.length === 0 ? undefined : new RegExp(`(${added.map((token) => literally(token.content)).join('|')})`)
  return {
    vocabularySize,
    encode(text) {
      const ids: number[] = []
      if (!split?.test(text)) encodePlain(text, ids)
      else
        for (const part of text.split(split)) {
          const id = addedIds.get(part)
          if (id === undefined) encodePlain(part, ids)
          else ids.push(id)
        }
      return ids
    },
  }
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

function uncasedWordPiece(value: unknown): UncasedWordPiece | undefined {
  // biome-ignore lint/suspicious/noExplicitAny: a file from outside; each member used is checked here
  const { model, normalizer, pre_tokenizer, added_tokens, truncation } = value as any
  if (model?.type !== 'WordPiece' || (model.continuing_subword_prefix ?? CONTINUATION) !== CONTINUATION)
    return undefined
  if (normalizer?.type !== 'BertNormalizer' || pre_tokenizer?.type !== 'BertPreTokenizer') return undefined
  const { clean_text, handle_chinese_chars, strip_accents, lowercase } = normalizer
  if (!clean_text || !handle_chinese_chars || !lowercase || strip_accents === false) return undefined
  if (truncation) return undefined
  const { vocab, unk_token = '[UNK]', max_input_chars_per_word = 100 } = model
  if (typeof vocab !== 'object' || vocab === null || !Object.hasOwn(vocab, unk_token)) return undefined
  if (!Object.values(vocab).every((id) => Number.isInteger(id) && (id as number) >= 0)) return undefined
  const added = Array.isArray(added_tokens) ? added_tokens : []
  for (const token of added)
    if (typeof token?.content !== 'string' || token.content === '' || !Number.isInteger(token.id)) return undefined
    else if (token.normalized || token.lstrip || token.rstrip || token.single_word) return undefined
  return { vocab, unk_token, max_input_chars_per_word, added }
}
