type Numbers = Float64Array | Uint32Array | Uint8Array

/** A growing column of numbers, a few bytes a row; for what is known of every row of a large artifact. */
export class Column<Values extends Numbers> {
  #values: Values
  #length = 0
  readonly #make: (length: number) => Values

  private constructor(make: (length: number) => Values) {
    this.#make = make
    this.#values = make(1024)
  }

  static floats(): Column<Float64Array> {
    return new Column((length) => new Float64Array(length))
  }

  static integers(): Column<Uint32Array> {
    return new Column((length) => new Uint32Array(length))
  }

  static bytes(): Column<Uint8Array> {
    return new Column((length) => new Uint8Array(length))
  }

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    this.set(this.#length, value)
  }

  /** Rows that were never set are 0. */
  get(row: number): number {
    return row < this.#length ? (this.#values[row] as number) : 0
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const larger = this.#make(Math.max(row + 1, this.#values.length * 2))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[row] = value
    if (row >= this.#length) this.#length = row + 1
  }

  /** The values so far; a view, valid until the column grows. */
  values(): Values {
    return this.#values.subarray(0, this.#length) as Values
  }
}
