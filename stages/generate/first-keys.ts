import type { CanonicalValue } from '../../cache/canonical.ts'
import { type BlobId, hexOf, type RowKey } from '../../cache/digest.ts'
import type { Memos } from '../../cache/memos.ts'
import { KEY_BYTES, keyAt } from '../../cache/packed-keys.ts'
import { sortRecords } from '../../cache/sort-records.ts'
import type { RowRequest } from '../define.ts'
import type { TokenUse } from '../models/budget.ts'
import { callsOf, type QueryOptions } from './query-units.ts'
import { expectedTokens, type RequestSetup } from './requests.ts'

/** Of a note: a key, and the tokens that its request is expected to take. */
const NOTE_BYTES = KEY_BYTES + 8
const FIRST_NOTES = 1 << 10
/** Notes of so many requests are kept. */
const MOST_NOTES = 500_000
const HEAD_BYTES = 16

/** All that decides the first requests of a node's conversations: what they have in common, the passages, how many each has. */
export function firstKeysOf(setup: RequestSetup, passages: BlobId, options: QueryOptions): CanonicalValue {
  const { prompt, identity } = setup
  const { decoding, max_words, seed } = setup.options
  const { per_call, show_previous } = options
  const asked = { calls: callsOf(options), per_call, show_previous }
  return {
    kind: 'first-keys',
    prompt,
    identity,
    decoding,
    max_words,
    seed,
    asked,
    passages,
  } as unknown as CanonicalValue
}

/**
 * The keys of the first requests of a node's conversations, in their order. They follow from what `firstKeysOf` tells alone,
 * so that whoever has them need not render the requests whose answers are stored.
 */
export class FirstKeys {
  /** Tokens that these requests are expected to take, each distinct one counted once. */
  readonly tokens: TokenUse
  readonly #keys: Buffer

  private constructor(bytes: Buffer) {
    this.tokens = { input: bytes.readDoubleLE(0), output: bytes.readDoubleLE(8) }
    this.#keys = bytes.subarray(HEAD_BYTES)
  }

  /** What is remembered. */
  static recall(memos: Memos, of: CanonicalValue): FirstKeys | undefined {
    const bytes = memos.recall(of)
    return bytes && bytes.length >= HEAD_BYTES ? new FirstKeys(bytes) : undefined
  }

  get count(): number {
    return this.#keys.length / KEY_BYTES
  }

  at(number: number): RowKey {
    return keyAt(this.#keys, number * KEY_BYTES)
  }

  /** So many from a number on, as bytes that are not to be changed. */
  part(from: number, count: number): Buffer {
    return this.#keys.subarray(from * KEY_BYTES, (from + count) * KEY_BYTES)
  }

  all(): RowKey[] {
    return Array.from({ length: this.count }, (_, number) => this.at(number))
  }
}

/** Notes the first requests of a node's conversations as they come, and remembers them when they were all. */
export class FirstKeysNotes {
  #notes: Buffer = Buffer.allocUnsafe(FIRST_NOTES * NOTE_BYTES)
  #bytes = 0
  #isTooMany = false

  add(request: RowRequest): void {
    if (this.#isTooMany) return
    if (this.#bytes === this.#notes.length) this.#makeRoom()
    const { input, output } = expectedTokens(request)
    this.#notes.write(hexOf(request.key), this.#bytes, 'hex')
    this.#notes.writeUInt32BE(input, this.#bytes + KEY_BYTES)
    this.#notes.writeUInt32BE(output, this.#bytes + KEY_BYTES + 4)
    this.#bytes += NOTE_BYTES
  }

  keep(memos: Memos, of: CanonicalValue): void {
    if (this.#isTooMany || this.#bytes === 0) return
    const notes = this.#notes.subarray(0, this.#bytes)
    const bytes = Buffer.alloc(HEAD_BYTES + (notes.length / NOTE_BYTES) * KEY_BYTES)
    const { input, output } = sumOfDistinct(notes)
    bytes.writeDoubleLE(input, 0)
    bytes.writeDoubleLE(output, 8)
    let to = HEAD_BYTES
    for (let at = 0; at < notes.length; at += NOTE_BYTES) to += notes.copy(bytes, to, at, at + KEY_BYTES)
    memos.remember(of, bytes)
  }

  #makeRoom(): void {
    const held = this.#notes
    this.#isTooMany = held.length >= MOST_NOTES * NOTE_BYTES
    this.#notes = Buffer.allocUnsafe(this.#isTooMany ? 0 : held.length * 2)
    held.copy(this.#notes)
  }
}

function sumOfDistinct(notes: Buffer): TokenUse {
  const sorted = sortRecords(notes, NOTE_BYTES)
  const sum = { input: 0, output: 0 }
  for (let at = 0; at < sorted.length; at += NOTE_BYTES) {
    const before = at - NOTE_BYTES
    if (at > 0 && sorted.compare(sorted, before, before + KEY_BYTES, at, at + KEY_BYTES) === 0) continue
    sum.input += sorted.readUInt32BE(at + KEY_BYTES)
    sum.output += sorted.readUInt32BE(at + KEY_BYTES + 4)
  }
  return sum
}
