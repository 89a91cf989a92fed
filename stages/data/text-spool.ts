import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { Column } from './column.ts'

const BUFFER = 1 << 20

/** Texts in a scratch file, found again by their number: 8 bytes of memory each, whatever their length. */
export class TextSpool {
  readonly #file: number
  readonly #ends: Column<Float64Array> = Column.floats()
  readonly #buffer: Buffer = Buffer.allocUnsafe(BUFFER)
  #buffered = 0
  #written = 0

  /** Makes the file, which must not exist; it stays when the spool is closed. */
  constructor(location: string) {
    this.#file = openSync(location, 'wx+')
  }

  get size(): number {
    return this.#ends.length
  }

  /** Keeps a text and returns its number, counted from 0. Lone surrogates become U+FFFD. */
  add(text: string): number {
    const length = Buffer.byteLength(text)
    if (this.#buffered + length > BUFFER) this.#flush()
    if (length > BUFFER) {
      writeSync(this.#file, text, this.#written)
      this.#written += length
    } else this.#buffered += this.#buffer.write(text, this.#buffered)
    this.#ends.push(this.#written + this.#buffered)
    return this.#ends.length - 1
  }

  get(number: number): string {
    const start = number === 0 ? 0 : this.#ends.get(number - 1)
    const end = this.#ends.get(number)
    if (number >= this.#ends.length) throw new RangeError(`no text ${number}`)
    if (end > this.#written) this.#flush()
    const bytes = Buffer.allocUnsafe(end - start)
    readSync(this.#file, bytes, 0, bytes.length, start)
    return bytes.toString('utf8')
  }

  close(): void {
    closeSync(this.#file)
  }

  #flush(): void {
    if (this.#buffered === 0) return
    writeSync(this.#file, this.#buffer, 0, this.#buffered, this.#written)
    this.#written += this.#buffered
    this.#buffered = 0
  }
}
