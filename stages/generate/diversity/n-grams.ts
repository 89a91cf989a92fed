import { shingles } from '../../text/normalise.ts'

/** Lengths of the runs of words that BLEU compares. */
const LONGEST = 4
/** Takes the place of a count of 0, so that one missing length does not make a whole score 0 (Chen & Cherry 2014, 1). */
const EPSILON = 0.1

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
  const numbers = new RunNumbers()
  const runs = texts.map((words) => numbers.of(words))
  const counts = new RunCounts(numbers.size)
  for (const lists of runs) {
    counts.count(lists)
    counts.compare()
  }
  const lengths = texts.map(({ length }) => length)
  const shares = new LengthShares(lengths)
  let sum = 0
  for (let i = 0; i < runs.length; i++) {
    const lists = runs[i] as Runs
    counts.count(lists)
    sum += bleu(lists, counts, lengths[i] as number, shares.closest(lengths[i] as number))
  }
  return sum / texts.length
}

function bleu(lists: Runs, counts: RunCounts, length: number, reference: number): number {
  let logs = 0
  let orders = 0
  for (const list of lists) {
    if (list.length === 0) continue
    const matched = counts.matched(list)
    logs += Math.log((matched === 0 ? EPSILON : matched) / list.length)
    orders++
  }
  if (orders === 0) return 0
  const brevity = length >= reference ? 1 : Math.exp(1 - reference / length)
  return brevity * Math.exp(logs / orders)
}

/** A text as lists of its runs of 1 to 4 words, each run a number. */
type Runs = readonly (readonly number[])[]

/** Gives equal runs of words equal numbers: hashing numbers is several times as fast as making and hashing texts. */
class RunNumbers {
  size = 0
  readonly #words = new Map<string, number>()
  /** Numbers of longer runs, by the number of all words but the last and that of the last. */
  readonly #longer = new Map<number, number>()

  of(words: readonly string[]): Runs {
    const single = words.map((word) => this.#number(this.#words, word))
    const lists = [single]
    for (let n = 2; n <= LONGEST; n++) {
      const shorter = lists[n - 2] as number[]
      const list: number[] = []
      // 26 bits for either part: no text that is measured has so many words.
      for (let i = 0; i + n <= words.length; i++)
        list.push(this.#number(this.#longer, (shorter[i] as number) * 2 ** 26 + (single[i + n - 1] as number)))
      lists.push(list)
    }
    return lists
  }

  #number<Key>(known: Map<Key, number>, key: Key): number {
    const found = known.get(key)
    if (found !== undefined) return found
    known.set(key, this.size)
    return this.size++
  }
}

/** How often one text has each run, and how often any other has it at most. */
class RunCounts {
  /** Of each run: how often the text at hand has it, and the text that this was counted for last. */
  readonly #own: Uint32Array
  readonly #text: Int32Array
  /** The two highest counts of any text. */
  readonly #first: Uint32Array
  readonly #second: Uint32Array
  #different: number[] = []
  #texts = 0

  constructor(runs: number) {
    this.#own = new Uint32Array(runs)
    this.#text = new Int32Array(runs)
    this.#first = new Uint32Array(runs)
    this.#second = new Uint32Array(runs)
  }

  count(lists: Runs): void {
    this.#texts++
    this.#different = []
    for (const list of lists)
      for (const run of list) {
        if (this.#text[run] === this.#texts) (this.#own[run] as number)++
        else {
          this.#text[run] = this.#texts
          this.#own[run] = 1
          this.#different.push(run)
        }
      }
  }

  /** Takes what was counted last into the highest counts. */
  compare(): void {
    for (const run of this.#different) {
      const count = this.#own[run] as number
      if (count > (this.#first[run] as number)) {
        this.#second[run] = this.#first[run] as number
        this.#first[run] = count
      } else if (count > (this.#second[run] as number)) this.#second[run] = count
    }
  }

  /** How many of a list's runs, those of the text at hand, another text has, too; to be asked once. */
  matched(list: readonly number[]): number {
    let sum = 0
    for (const run of list) {
      const own = this.#own[run] as number
      // Nobody else has a run more often than the second of those of which this is the first.
      sum += Math.min(own, own === this.#first[run] ? (this.#second[run] as number) : own)
      this.#own[run] = 0
    }
    return sum
  }
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
