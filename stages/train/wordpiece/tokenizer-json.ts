/** Prefix of pieces that continue a word. */
export const CONTINUATION = '##'
/** Longer words become `[UNK]`; counted in code points. */
export const MAX_WORD_CHARACTERS = 100
/** Special tokens in the order of their ids, from 0. */
export const SPECIAL_TOKENS: readonly string[] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

/**
 * The `tokenizer.json` of a learned vocabulary: BERT's uncased normalisation and pre-tokenisation, no special tokens
 * around a text, no truncation. One byte string for one vocabulary.
 */
export function wordPieceTokenizerJson(vocabulary: readonly string[]): string {
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: CONTINUATION, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: CONTINUATION,
      max_input_chars_per_word: MAX_WORD_CHARACTERS,
      vocab: 0,
    },
  }
  // Written by hand: as members of an object, pieces like `7` would move to the front, and `__proto__` be lost.
  const vocab = vocabulary.map((token, id) => `${JSON.stringify(token)}:${id}`).join(',')
  return `${JSON.stringify(tokenizer).replace('"vocab":0', () => `"vocab":{${vocab}}`)}\n`
}
