import { type Matrix, readMatrix, readTensor } from '../retrieval/safetensors.ts'
import { pool } from './pooling.ts'
import type { TransformerModel } from './transformer-model.ts'

interface Layer {
  weights: Matrix
  bias: Float32Array | undefined
  activation: 'identity' | 'tanh'
}

/** From the vectors of a text's tokens to that of the text: poolings, linear layers, length 1. In double precision. */
export class Projection {
  readonly #model: TransformerModel
  readonly #layers: readonly Layer[]
  readonly #isPooled: boolean

  private constructor(model: TransformerModel, layers: readonly Layer[], isPooled: boolean) {
    this.#model = model
    this.#layers = layers
    this.#isPooled = isPooled
  }

  /** `isPooled`: the graph gives vectors of texts, after all of the model's modules. */
  static async open(model: TransformerModel, isPooled: boolean): Promise<Projection> {
    const layers: Layer[] = []
    for (const { weights: file, bias, activation } of isPooled ? [] : model.dense) {
      const matrix = await readMatrix(file.location, 'linear.weight', file.path)
      layers.push({
        weights: matrix,
        bias: bias ? (await readTensor(file.location, 'linear.bias', [matrix.rows], file.path)).data : undefined,
        activation,
      })
    }
    return new Projection(model, layers, isPooled)
  }

  /** `states` are rows of `width` floats, of which the first `tokens` count. */
  vectorOf(states: Float32Array, tokens: number, width: number): Float64Array {
    const { poolings, normalize } = this.#model
    let vector: Float64Array = this.#isPooled ? Float64Array.from(states) : new Float64Array(poolings.length * width)
    if (!this.#isPooled && tokens > 0)
      for (const [i, pooling] of poolings.entries()) pool(pooling, states, tokens, width, vector, i * width)
    for (const layer of this.#layers) vector = applied(layer, vector)
    if (normalize) toLengthOne(vector)
    return vector
  }
}

function applied({ weights, bias, activation }: Layer, vector: Float64Array): Float64Array {
  const { rows, columns, data } = weights
  const out = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    let sum = bias?.[row] ?? 0
    for (let c = 0, at = row * columns; c < columns; c++, at++) sum += data[at]! * vector[c]!
    out[row] = activation === 'tanh' ? Math.tanh(sum) : sum
  }
  return out
}

function toLengthOne(vector: Float64Array): void {
  let squares = 0
  for (const value of vector) squares += value * value
  const length = Math.sqrt(squares) || 1
  for (let d = 0; d < vector.length; d++) vector[d]! /= length
}
