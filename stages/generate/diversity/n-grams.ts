import { shingles } from '../../text/normalise.ts'

/** Lengths of the runs of words that BLEU compares. */
const LONGEST = 4
/** Takes the place of a count of 0, so that one missing length does not make a whole score 0 (Chen & Cherry 2014, 1). */
const EPSILON = 0.1

/** A text as lists of its runs of 1 to 4 words. */
type Runs = readonly (readonly string[])[]

/** Runs of `n` words; none where there are fewer. */
function runsOf(words: readonly string[], n: number): string[] {
  return words.length < n ? [] : shingles(words, n)
}

/** Share of different runs of `n` words among all of them (distinct-n of Li et al. 2016); undefined without any. */
export function distinct(texts: readonly (readonly string[])[], n: number): number | undefined {
  const different = new Set<string>()
  let all = 0
  for (const words of texts)
    for (const run of runsOf(words, n)) {
      different.add(run)
      all++
    }
  return all === 0 ? undefined : different.size / all
}

/** Jaccard index of two sets of words; two empty ones are alike. */
export function overlap(a: readonly string[], b: readonly string[]): number {
  const [left, right] = [new Set(a), new Set(b)]
  let both = 0
  for (const word of left) if (right.has(word)) both++
  const either = left.size + right.size - both
  return either === 0 ? 1 : both / either
}

/**
 * Self-BLEU (Zhu et al. 2018): the mean BLEU-4 of each text against all the others. 1 where all say the same; undefined for
 * fewer than two. In time linear in the words, whatever the number of texts: of each run, the two texts that have it most
 * often tell how often any other has it.
 */
export function selfBleu(texts: readonly (readonly string[])[]): number | undefined {
  if (texts.length < 2) return undefined
  const runs: Runs[] = texts.map((words) => Array.from({ length: LONGEST }, (_, i) => runsOf(words, i + 1)))
  const most = new Map<string, { first: number; of: number; second: number }>()
  const counts = runs.map((lists, of) => {
    const counted = new Map<string, number>()
    for (const list of lists) for (const run of list) counted.set(run, (counted.get(run) ?? 0) + 1)
    for (const [run, count] of counted) {
      const known = most.get(run)
      if (!known) most.set(run, { first: count, of, second: 0 })
      else if (count > known.first) most.set(run, { first: count, of, second: known.first })
      else if (count > known.second) known.second = count
    }
    return counted
  })
  const lengths = texts.map(({ length }) => length)
  const shares = new LengthShares(lengths)
  let sum = 0
  for (const [i, lists] of runs.entries()) {
    const others = (run: string): number => {
      const { first, of, second } = most.get(run)!
      return of === i ? second : first
    }
    sum += bleu(lists, counts[i]!, others, lengths[i]!, shares.closest(lengths[i]!))
  }
  return sum / texts.length
}

function bleu(
  lists: Runs,
  counts: ReadonlyMap<string, number>,
  others: (run: string) => number,
  length: number,
  reference: number,
): number {
  let logs = 0
  let orders = 0
  for (const list of lists) {
    if (list.length === 0) continue
    let matched = 0
    for (const run of new Set(list)) matched += Math.min(counts.get(run)!, others(run))
    logs += Math.log((matched === 0 ? EPSILON : matched) / list.length)
    orders++
  }
  if (orders === 0) return 0
  const brevity = length >= reference ? 1 : Math.exp(1 - reference / length)
  return brevity * Math.exp(logs / orders)
}

/** Answers which length among the other texts is closest, the shorter of two. */
class LengthShares {
  readonly #counts = new Map<number, number>()
  readonly #lengths: number[]

  constructor(lengths: readonly number[]) {
    for (const length of lengths) this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1)
    this.#lengths = [...this.#counts.keys()].sort((a, b) => a - b)
  }

  closest(own: number): number {
    if (this.#counts.get(own)! > 1) return own
    let best: number | undefined
    for (const length of this.#lengths) {
      if (length === own) continue
      if (best === undefined || Math.abs(length - own) < Math.abs(best - own)) best = length
    }
    return best!
  }
}
