import { StageError } from '../define.ts'
import { PROGRAM } from './program.ts'

type Address = number

interface Memory {
  readonly buffer: ArrayBuffer
  /** Throws a RangeError where there is no more. */
  grow(pages: number): number
}

/** What is used of WebAssembly; Node's types leave it out. */
const { Module, Instance } = (
  globalThis as unknown as {
    WebAssembly: {
      Module: new (program: Uint8Array) => object
      Instance: new (module: object) => { readonly exports: unknown }
    }
  }
).WebAssembly

/** The functions of `assembly/*.ts`, where it is told what they do. */
interface Kernels {
  memory: Memory
  sumTexts(
    texts: Address,
    count: number,
    starts: Address,
    tokens: Address,
    counts: Address,
    table: Address,
    stride: number,
    out: Address,
  ): void
  spreadToTokens(
    texts: Address,
    count: number,
    starts: Address,
    tokens: Address,
    counts: Address,
    bySum: Address,
    stride: number,
    gradient: Address,
  ): void
  adam(
    rows: Address,
    count: number,
    stride: number,
    table: Address,
    first: Address,
    second: Address,
    gradient: Address,
    firstDecay: number,
    secondDecay: number,
    rate: number,
    epsilon: number,
  ): void
  products(a: Address, n: number, b: Address, m: number, stride: number, out: Address): void
  weightedRows(
    weights: Address,
    n: number,
    across: number,
    m: number,
    down: number,
    b: Address,
    stride: number,
    out: Address,
  ): void
  scoreRows(query: Address, dimensions: number, rows: Address, chosen: Address, count: number, scores: Address): void
  widen(floats: Address, count: number, doubles: Address): void
  largest(numbers: Address, count: number): number
}

const PAGE = 65_536
/** Numbers that a row of the kernels' memory has a multiple of. */
const LANES = 32

let compiled: object | undefined

/** The length of a row of `columns` numbers in the kernels' memory; what is beyond them must be zero. */
export function strideOf(columns: number): number {
  return Math.ceil(columns / LANES) * LANES
}

/** The kernels with a memory of their own, which only grows. */
export class KernelMemory {
  readonly run: Kernels
  #used = 0

  constructor() {
    compiled ??= new Module(Buffer.from(PROGRAM, 'base64'))
    this.run = new Instance(compiled).exports as Kernels
  }

  /** The address of room for so many numbers of four bytes, all zero; views that were taken before are void. */
  reserve(numbers: number): Address {
    const address = this.#used
    // Each row begins where a line of the processor's cache does.
    this.#used += Math.ceil(numbers / 16) * 64
    const { memory } = this.run
    const pages = Math.ceil(this.#used / PAGE) - memory.buffer.byteLength / PAGE
    if (pages > 0) grow(memory, pages)
    return address
  }

  floats(address: Address, length: number): Float32Array {
    return new Float32Array(this.run.memory.buffer, address, length)
  }

  doubles(address: Address, length: number): Float64Array {
    return new Float64Array(this.run.memory.buffer, address, length)
  }

  words(address: Address, length: number): Uint32Array {
    return new Uint32Array(this.run.memory.buffer, address, length)
  }

  /** Copies rows of `columns` numbers to rows of the kernels. */
  put(address: Address, rows: Float32Array, columns: number): void {
    const stride = strideOf(columns)
    const to = this.floats(address, (rows.length / columns) * stride)
    if (stride === columns) to.set(rows)
    else
      for (let at = 0, row = 0; at < rows.length; at += columns, row += stride) {
        to.set(rows.subarray(at, at + columns), row)
        to.fill(0, row + columns, row + stride)
      }
  }

  /** Copies rows of the kernels to rows of `columns` numbers. */
  take(address: Address, count: number, columns: number): Float32Array {
    const stride = strideOf(columns)
    const from = this.floats(address, count * stride)
    if (stride === columns) return from.slice()
    const rows = new Float32Array(count * columns)
    for (let i = 0; i < count; i++) rows.set(from.subarray(i * stride, i * stride + columns), i * columns)
    return rows
  }
}

function grow(memory: Memory, pages: number): void {
  try {
    memory.grow(pages)
  } catch {
    const gigabytes = (memory.buffer.byteLength + pages * PAGE) / 1e9
    throw new StageError(`this takes ${gigabytes.toFixed(1)} GB, and no more than 4.2 can be had`, {
      advice:
        'Training a table takes 16 bytes for each dimension of each token that the rows have: take fewer dimensions.',
    })
  }
}
