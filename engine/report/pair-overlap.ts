import { readFile } from 'node:fs/promises'

/** How alike two sets of queries for the same passages are. Shares and means from 0 to 1. */
export interface PairOverlap {
  pairs: { locked: number; made: number }
  passages: number
  /** Of all pairs of either, those whose query is the same text in both. */
  equal: number
  /** Mean over passages of the Jaccard overlap of the words of their queries, and of pairs of neighbouring words. */
  words: number
  bigrams: number
}

interface PairRow {
  _id: string
  passage_id: string
  query: string
}

/** Compares two `pairs.jsonl` files by what they say; a passage that only one of them has counts as 0. */
export async function pairOverlap(lockedFile: string, madeFile: string): Promise<PairOverlap> {
  const [locked, made] = await Promise.all([lockedFile, madeFile].map(readPairs))
  const queries = (rows: readonly PairRow[]) => new Map(rows.map(({ _id, query }) => [_id, query]))
  const before = queries(locked!)
  const after = queries(made!)
  const ids = new Set([...before.keys(), ...after.keys()])
  const equal = [...ids].filter((id) => before.get(id) === after.get(id)).length
  const passages = new Set([...locked!, ...made!].map(({ passage_id }) => passage_id))
  const wordsBefore = wordsByPassage(locked!)
  const wordsAfter = wordsByPassage(made!)
  const mean = (kind: 'words' | 'bigrams'): number => {
    let sum = 0
    for (const id of passages) sum += jaccard(wordsBefore.get(id)?.[kind], wordsAfter.get(id)?.[kind])
    return passages.size === 0 ? 1 : sum / passages.size
  }
  return {
    pairs: { locked: locked!.length, made: made!.length },
    passages: passages.size,
    equal: ids.size === 0 ? 1 : equal / ids.size,
    words: mean('words'),
    bigrams: mean('bigrams'),
  }
}

async function readPairs(file: string): Promise<PairRow[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as PairRow)
}

interface Words {
  words: Set<string>
  bigrams: Set<string>
}

function wordsByPassage(rows: readonly PairRow[]): ReadonlyMap<string, Words> {
  const found = new Map<string, Words>()
  for (const { passage_id, query } of rows) {
    const own = found.get(passage_id) ?? { words: new Set(), bigrams: new Set() }
    found.set(passage_id, own)
    const words = query.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
    for (const [i, word] of words.entries()) {
      own.words.add(word)
      if (i > 0) own.bigrams.add(`${words[i - 1]} ${word}`)
    }
  }
  return found
}

function jaccard(a: ReadonlySet<string> = new Set(), b: ReadonlySet<string> = new Set()): number {
  const common = [...a].filter((word) => b.has(word)).length
  const all = a.size + b.size - common
  return all === 0 ? 1 : common / all
}
