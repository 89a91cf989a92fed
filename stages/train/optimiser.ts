import type { Matrix } from '../retrieval/safetensors.ts'
import type { SparseGradient } from './embedding-table.ts'

const FIRST_DECAY = 0.9
const SECOND_DECAY = 0.999
const EPSILON = 1e-8

/**
 * Adam (Kingma and Ba 2015) for gradients that touch few rows, as torch's SparseAdam: a row that no text of the batch
 * has keeps its value and its moments as they are, and the correction for the start counts all steps. A row seen for
 * the first time late therefore moves by up to 3.2 learning rates at once instead of one.
 */
export class LazyAdam {
  readonly #first: Float32Array
  readonly #second: Float32Array
  // Powers of the decay rates by repeated multiplication: one result everywhere, whatever `**` does.
  #firstPower = 1
  #secondPower = 1

  constructor(rows: number, columns: number) {
    this.#first = new Float32Array(rows * columns)
    this.#second = new Float32Array(rows * columns)
  }

  /** Moves the rows that the gradient touches. */
  step(table: Matrix, gradient: SparseGradient, learningRate: number): void {
    this.#firstPower *= FIRST_DECAY
    this.#secondPower *= SECOND_DECAY
    const root = Math.sqrt(1 - this.#secondPower)
    const rate = (learningRate * root) / (1 - this.#firstPower)
    const epsilon = EPSILON * root
    const { columns, data } = table
    const first = this.#first
    const second = this.#second
    const slopes = gradient.data
    for (const row of gradient.touched) {
      const end = (row + 1) * columns
      for (let i = row * columns; i < end; i++) {
        const slope = slopes[i]!
        const m = FIRST_DECAY * first[i]! + (1 - FIRST_DECAY) * slope
        const v = SECOND_DECAY * second[i]! + (1 - SECOND_DECAY) * slope * slope
        first[i] = m
        second[i] = v
        data[i]! -= (rate * m) / (Math.sqrt(v) + epsilon)
      }
    }
  }
}
