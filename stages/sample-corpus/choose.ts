import { hash64, loadXxh } from '../../cache/xxh.ts'
import { readPassageRows } from '../data/beir.ts'
import { IdTable } from '../data/id-table.ts'
import type { Passage } from '../data/rows.ts'
import { type SourceFile, StageError } from '../define.ts'
import type { SampleOptions } from './stage.ts'

/** What became of the passages of a corpus; complete once the passages were read to the end. */
interface SampleCounts {
  read: number
  too_short: number
  too_long: number
  duplicates: number
  eligible: number
  passages: number
}

/** A sample, streamed in the order of the corpus. */
export interface Sample {
  counts: SampleCounts
  passages: AsyncGenerator<Passage>
}

/**
 * The sample that the options ask for. Random: documents that pass the cleaning are ordered by XXH64 of (seed, id),
 * and the first round(fraction x eligible) are taken; so a smaller fraction is a subset of a larger one, and appended
 * documents never change the order of the old. Reads the file twice and keeps 8 bytes a passage (and the hashes of
 * texts for duplicates), no text. `within` is asked for each passage of the first pass and each of the second whether
 * to go on; if not, a StageError.
 */
export function choosePassages(
  corpus: SourceFile,
  options: SampleOptions,
  within: (read: number, eligible?: number) => boolean = () => true,
): Sample {
  const counts: SampleCounts = { read: 0, too_short: 0, too_long: 0, duplicates: 0, eligible: 0, passages: 0 }
  return { counts, passages: generate(corpus, options, counts, within) }
}

async function* generate(
  corpus: SourceFile,
  options: SampleOptions,
  counts: SampleCounts,
  within: (read: number, eligible?: number) => boolean,
): AsyncGenerator<Passage> {
  await loadXxh()
  const go = (read: number, eligible?: number): void => {
    if (!within(read, eligible)) throw new StageError('stopped while the corpus was read')
  }
  if (options.strategy === 'all') {
    for await (const passage of eligible(corpus, options, counts)) {
      go(counts.read)
      counts.passages++
      yield passage
    }
    return
  }
  const prefix = `${options.seed}\t`
  let hashes = new BigUint64Array(4096)
  let size = 0
  for await (const { _id } of eligible(corpus, options, counts)) {
    go(counts.read)
    if (size === hashes.length) {
      const larger = new BigUint64Array(size * 2)
      larger.set(hashes)
      hashes = larger
    }
    hashes[size++] = hash64(prefix + _id)
  }
  const wanted = Math.min(options.count ?? Math.round((options.fraction ?? 1) * size), size)
  if (wanted === 0) return
  const order = hashes.slice(0, size).sort()
  const last = order[wanted - 1] as bigint
  // Of documents that share the last hash, the first ones of the corpus are taken.
  let below = wanted - 1
  while (below > 0 && order[below - 1] === last) below--
  let ofLast = wanted - below
  let read = 0
  for await (const passage of eligible(corpus, options)) {
    go(++read, size)
    const hash = hashes[read - 1] as bigint
    if (hash > last || (hash === last && ofLast-- <= 0)) continue
    counts.passages++
    yield passage
    if (counts.passages === wanted) return
  }
}

async function* eligible(
  corpus: SourceFile,
  { min_words, max_words, drop_duplicates }: SampleOptions,
  counts?: SampleCounts,
): AsyncGenerator<Passage> {
  const texts = new IdTable()
  for await (const rows of readPassageRows(corpus)) {
    for (const { _id, title, text } of rows) {
      if (counts) counts.read++
      const words = countWords(text)
      if (words < min_words) {
        if (counts) counts.too_short++
      } else if (max_words !== undefined && words > max_words) {
        if (counts) counts.too_long++
      } else if (drop_duplicates && texts.add(`${title}\n${text}`, 0) !== undefined) {
        if (counts) counts.duplicates++
      } else {
        if (counts) counts.eligible++
        yield { _id, doc_id: _id, title, text }
      }
    }
  }
}

function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}
