import { compareUtf8 } from '../../../cache/canonical.ts'
import { standsAlone } from './bert-text.ts'
import { PairQueue } from './pair-queue.ts'
import { CONTINUATION, MAX_WORD_CHARACTERS, SPECIAL_TOKENS } from './tokenizer-json.ts'

/** A pair that occurs less often is not merged: what stands once in a collection teaches nothing about others. */
const MIN_COUNT = 2
/** Pieces are numbered below this, so that a pair of them fits into one exact double. */
const PAIR_BASE = 2 ** 26

/** A kind of word: its pieces by now and how often it occurs. */
interface Word {
  pieces: number[]
  count: number
}

/**
 * Learns a WordPiece vocabulary of at most `size` tokens from counted words, by merging the most frequent pair of
 * neighbouring pieces over and over, as the `tokenizers` library's WordPieceTrainer does. The result depends on the
 * counts alone: ties are broken by the UTF-8 bytes of the left piece, then of the right. Order: special tokens, single
 * characters, merges. Characters take at most half of the vocabulary, the most frequent first.
 */
export function learnWordPiece(counts: ReadonlyMap<string, number>, size: number): string[] {
  const alphabet = chooseAlphabet(counts, Math.floor((size - SPECIAL_TOKENS.length) / 2))
  const vocabulary: string[] = [...SPECIAL_TOKENS, ...alphabet]
  const ids = new Map(vocabulary.map((token, id) => [token, id]))
  const words = cutWords(counts, ids)

  const pairCounts = new Map<number, number>()
  const pairWords = new Map<number, number[]>()
  const addPair = (left: number, right: number, word: number, count: number): number => {
    const key = left * PAIR_BASE + right
    pairCounts.set(key, (pairCounts.get(key) ?? 0) + count)
    const places = pairWords.get(key)
    if (!places) pairWords.set(key, [word])
    else if (places[places.length - 1] !== word) places.push(word)
    return key
  }
  for (const [index, { pieces, count }] of words.entries())
    for (let i = 1; i < pieces.length; i++) addPair(pieces[i - 1] as number, pieces[i] as number, index, count)

  const leftOf = (key: number): string => vocabulary[Math.floor(key / PAIR_BASE)] as string
  const rightOf = (key: number): string => vocabulary[key % PAIR_BASE] as string
  const queue = new PairQueue((a, b) => {
    const order = compareUtf8(leftOf(a), leftOf(b)) || compareUtf8(rightOf(a), rightOf(b))
    return order < 0
  })
  for (const [key, count] of pairCounts) if (count >= MIN_COUNT) queue.push({ key, count })

  while (vocabulary.length < size) {
    const top = queue.pop()
    if (!top) break
    const count = pairCounts.get(top.key) ?? 0
    if (count !== top.count) {
      // Counts of a queued pair only fall; one that grew was queued again when it did.
      if (count >= MIN_COUNT && count < top.count) queue.push({ key: top.key, count })
      continue
    }
    const token = leftOf(top.key) + rightOf(top.key).slice(CONTINUATION.length)
    let id = ids.get(token)
    if (id === undefined) {
      id = vocabulary.length
      vocabulary.push(token)
      ids.set(token, id)
    }
    const grown = new Set<number>()
    const places = pairWords.get(top.key) ?? []
    pairCounts.delete(top.key)
    pairWords.delete(top.key)
    for (const place of places)
      merge(words[place] as Word, top.key, id, (left, right, change) => {
        const key = left * PAIR_BASE + right
        if (key === top.key) return
        if (change > 0) grown.add(addPair(left, right, place, change))
        else pairCounts.set(key, (pairCounts.get(key) ?? 0) + change)
      })
    for (const key of grown) {
      const now = pairCounts.get(key) ?? 0
      if (now >= MIN_COUNT) queue.push({ key, count: now })
    }
  }
  return vocabulary
}

/** Replaces each occurrence of a pair in a word, from the left, and tells how the counts of its neighbours change. */
function merge(
  word: Word,
  key: number,
  id: number,
  changed: (left: number, right: number, change: number) => void,
): void {
  const left = Math.floor(key / PAIR_BASE)
  const right = key % PAIR_BASE
  const { pieces, count } = word
  for (let i = 0; i + 1 < pieces.length; i++) {
    if (pieces[i] !== left || pieces[i + 1] !== right) continue
    if (i > 0) {
      changed(pieces[i - 1] as number, left, -count)
      changed(pieces[i - 1] as number, id, count)
    }
    if (i + 2 < pieces.length) {
      changed(right, pieces[i + 2] as number, -count)
      changed(id, pieces[i + 2] as number, count)
    }
    pieces.splice(i, 2, id)
  }
}

/** Single characters, each as the start of a word and inside one, sorted by bytes; at most `most` entries. */
function chooseAlphabet(counts: ReadonlyMap<string, number>, most: number): string[] {
  const characters = new Map<string, number>()
  for (const [word, count] of counts)
    for (const character of word) characters.set(character, (characters.get(character) ?? 0) + count)
  const byCount = [...characters].sort(([a, countA], [b, countB]) => countB - countA || compareUtf8(a, b))
  const starts: string[] = []
  const insides: string[] = []
  for (const [character] of byCount) {
    const alone = standsAlone(character)
    if (starts.length + insides.length + (alone ? 1 : 2) > most) break
    starts.push(character)
    if (!alone) insides.push(CONTINUATION + character)
  }
  return [...starts.sort(compareUtf8), ...insides.sort(compareUtf8)]
}

/** Words as single characters; those that the vocabulary can't spell, and those too long for it, are left out. */
function cutWords(counts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): Word[] {
  const words: Word[] = []
  for (const [word, count] of counts) {
    const characters = Array.from(word)
    if (characters.length < 2 || characters.length > MAX_WORD_CHARACTERS) continue
    const pieces = characters.map((character, i) => ids.get(i === 0 ? character : CONTINUATION + character))
    if (pieces.every((piece) => piece !== undefined)) words.push({ pieces, count })
  }
  return words
}
