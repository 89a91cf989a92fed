import type { Passage } from './rows.ts'

/** How long documents are cut: windows of so many words (separated by white space), each so many after the last one's. */
export interface ChunkOptions {
  words: number
  overlap: number
}

/**
 * The windows of a document that has more than `words` words, else the document itself. Windows keep its title and
 * `doc_id`, and the text between their first and last words as it is; the last one ends with the document, so that every
 * word is in one. Their ids are `ID#0`, `ID#1`, …
 */
export function chunksOf(document: Passage, { words, overlap }: ChunkOptions): Passage[] {
  const { _id, doc_id, title, text } = document
  const starts: number[] = []
  const ends: number[] = []
  for (const { index, 0: word } of text.matchAll(/\S+/g)) {
    starts.push(index)
    ends.push(index + word.length)
  }
  if (starts.length <= words) return [document]
  const chunks: Passage[] = []
  for (let first = 0; ; first += words - overlap) {
    const last = Math.min(first + words, starts.length) - 1
    chunks.push({ _id: `${_id}#${chunks.length}`, doc_id, title, text: text.slice(starts[first], ends[last]) })
    if (last === starts.length - 1) return chunks
  }
}
