import { KernelMemory, strideOf } from '../kernels/kernels.ts'
import type { Matrix } from '../retrieval/safetensors.ts'
import type { UnitVectors } from './embedding-table.ts'
import type { TokenBags } from './text-table.ts'

const FIRST_DECAY = 0.9
const SECOND_DECAY = 0.999
const EPSILON = 1e-8

/**
 * A table while it is trained on the texts of `bags`: only the rows of tokens that they have are held, each with its
 * gradient and its moments, in single precision. Sums are over tokens ascending, so equal steps give equal bytes.
 *
 * The optimiser is Adam (Kingma and Ba 2015) for gradients that touch few rows, as torch's SparseAdam: a row that no text
 * of the batch has keeps its value and its moments as they are, and the correction for the start counts all steps. A row
 * seen for the first time late therefore moves by up to 3.2 learning rates at once instead of one.
 */
export class TrainedTable {
  readonly #table: Matrix
  readonly #bags: TokenBags
  /** The tokens of the texts, ascending; their rows lie in this order in the kernels' memory. */
  readonly #held: Uint32Array
  /** As `bags.tokens`, by their places in `held`. */
  readonly #places: Uint32Array
  readonly #stride: number
  readonly #memory = new KernelMemory()
  readonly #at: {
    [name in 'starts' | 'tokens' | 'counts' | 'touched' | 'rows' | 'first' | 'second' | 'slopes']: number
  }
  /** Room for the numbers of texts, and for a vector of each. */
  #room = { texts: 0, numbers: 0, vectors: 0 }

  readonly #isTouched: Uint8Array
  #touched = 0
  // Powers of the decay rates by repeated multiplication: one result everywhere, whatever `**` does.
  #firstPower = 1
  #secondPower = 1

  constructor(table: Matrix, bags: TokenBags) {
    this.#table = table
    this.#bags = bags
    this.#held = heldTokens(bags, table.rows)
    this.#stride = strideOf(table.columns)
    const memory = this.#memory
    const size = this.#held.length
    const numbers = size * this.#stride
    this.#at = {
      starts: memory.reserve(bags.starts.length),
      tokens: memory.reserve(bags.tokens.length),
      counts: memory.reserve(bags.counts.length),
      touched: memory.reserve(size),
      rows: memory.reserve(numbers),
      first: memory.reserve(numbers),
      second: memory.reserve(numbers),
      slopes: memory.reserve(numbers),
    }
    const places = new Uint32Array(table.rows)
    for (let place = 0; place < size; place++) places[this.#held[place]!] = place
    this.#places = bags.tokens.map((token) => places[token]!)
    memory.words(this.#at.starts, bags.starts.length).set(bags.starts)
    memory.words(this.#at.tokens, bags.tokens.length).set(this.#places)
    memory.floats(this.#at.counts, bags.counts.length).set(bags.counts)
    this.#isTouched = new Uint8Array(size)
    const { columns, data } = table
    const rows = memory.floats(this.#at.rows, numbers)
    for (let place = 0; place < size; place++) {
      const row = this.#held[place]! * columns
      rows.set(data.subarray(row, row + columns), place * this.#stride)
    }
  }

  /** The directions of the given texts: the sums of their tokens' vectors, scaled to length 1. */
  encode(texts: Uint32Array): UnitVectors {
    const { columns } = this.#table
    const memory = this.#memory
    const at = this.#at
    const { numbers, vectors } = this.#roomFor(texts)
    memory.run.sumTexts(numbers, texts.length, at.starts, at.tokens, at.counts, at.rows, this.#stride, vectors)
    const units = memory.take(vectors, texts.length, columns)
    const lengths = new Float64Array(texts.length)
    for (let t = 0; t < texts.length; t++) {
      const end = (t + 1) * columns
      let squares = 0
      for (let i = t * columns; i < end; i++) squares += units[i]! * units[i]!
      const length = Math.sqrt(squares)
      lengths[t] = length
      if (length > 0) for (let i = t * columns; i < end; i++) units[i] = units[i]! / length
    }
    return { count: texts.length, units, lengths }
  }

  /** Carries gradients by unit vectors (count × dimensions) back through scaling and summing to the tokens. */
  addGradient(texts: Uint32Array, { units, lengths }: UnitVectors, byUnit: Float32Array): void {
    const { columns } = this.#table
    const bySum = new Float32Array(units.length)
    for (let t = 0; t < texts.length; t++) {
      const length = lengths[t]!
      if (length === 0) continue
      const end = (t + 1) * columns
      let along = 0
      for (let i = t * columns; i < end; i++) along += byUnit[i]! * units[i]!
      for (let i = t * columns; i < end; i++) bySum[i] = (byUnit[i]! - along * units[i]!) / length
    }
    const memory = this.#memory
    const at = this.#at
    const { numbers, vectors } = this.#roomFor(texts)
    memory.put(vectors, bySum, columns)
    memory.run.spreadToTokens(numbers, texts.length, at.starts, at.tokens, at.counts, vectors, this.#stride, at.slopes)
    this.#touch(texts)
  }

  /** Moves the rows that gradients were added to, and forgets these. */
  step(learningRate: number): void {
    this.#firstPower *= FIRST_DECAY
    this.#secondPower *= SECOND_DECAY
    const root = Math.sqrt(1 - this.#secondPower)
    const rate = (learningRate * root) / (1 - this.#firstPower)
    const { touched, rows, first, second, slopes } = this.#at
    const decays = [FIRST_DECAY, SECOND_DECAY] as const
    const { run } = this.#memory
    run.adam(touched, this.#touched, this.#stride, rows, first, second, slopes, ...decays, rate, EPSILON * root)
    this.#isTouched.fill(0)
    this.#touched = 0
  }

  /** The gradient of each token that has one, dimension by dimension. */
  gradient(): Map<number, Float32Array> {
    const touched = this.#memory.words(this.#at.touched, this.#touched)
    const bytes = this.#stride * 4
    return new Map(
      Array.from(touched, (place) => [
        this.#held[place]!,
        this.#memory.floats(this.#at.slopes + place * bytes, this.#table.columns).slice(),
      ]),
    )
  }

  /** Writes the rows back to the table. */
  store(): void {
    const { columns, data } = this.#table
    const rows = this.#memory.floats(this.#at.rows, this.#held.length * this.#stride)
    for (let place = 0; place < this.#held.length; place++) {
      const from = place * this.#stride
      data.set(rows.subarray(from, from + columns), this.#held[place]! * columns)
    }
  }

  #touch(texts: Uint32Array): void {
    const { starts } = this.#bags
    const touched = this.#memory.words(this.#at.touched, this.#held.length)
    for (const text of texts)
      for (let i = starts[text]!; i < starts[text + 1]!; i++) {
        const place = this.#places[i]!
        if (this.#isTouched[place] === 1) continue
        this.#isTouched[place] = 1
        touched[this.#touched++] = place
      }
  }

  #roomFor(texts: Uint32Array): { numbers: number; vectors: number } {
    if (texts.length > this.#room.texts) {
      const numbers = this.#memory.reserve(texts.length)
      this.#room = { texts: texts.length, numbers, vectors: this.#memory.reserve(texts.length * this.#stride) }
    }
    this.#memory.words(this.#room.numbers, texts.length).set(texts)
    return this.#room
  }
}

/** The tokens that any of the texts has, ascending. */
function heldTokens({ tokens }: TokenBags, vocabulary: number): Uint32Array {
  const isHeld = new Uint8Array(vocabulary)
  for (const token of tokens) isHeld[token] = 1
  return Uint32Array.from({ length: vocabulary }, (_, token) => token).filter((token) => isHeld[token] === 1)
}
