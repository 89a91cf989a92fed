import type { RowKey } from '../../../cache/digest.ts'

/**
 * A set of row keys that holds the first 64 bits of each, 16 to 32 bytes a key. Two keys that share them count as one:
 * among ten million, that is 3e-6 likely.
 */
export class KeySet {
  // Two halves a slot; a slot with two zeros is free.
  #slots: Uint32Array = new Uint32Array(2048)
  #size = 0

  get size(): number {
    return this.#size
  }

  has(key: RowKey): boolean {
    const slot = slotOf(this.#slots, lowOf(key), highOf(key))
    return !isFree(this.#slots, slot)
  }

  /** False if the key was there already. */
  add(key: RowKey): boolean {
    return this.addHalves(lowOf(key), highOf(key))
  }

  /** As `add`, of a key whose first 32 bits are `high`, and the next `low`. */
  addHalves(low: number, high: number): boolean {
    const slot = slotOf(this.#slots, low, high)
    if (!isFree(this.#slots, slot)) return false
    this.#slots[slot] = low
    this.#slots[slot + 1] = high
    if (++this.#size * 4 > this.#slots.length) this.#grow()
    return true
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (isFree(old, at)) continue
      const slot = slotOf(this.#slots, old[at] as number, old[at + 1] as number)
      this.#slots[slot] = old[at] as number
      this.#slots[slot + 1] = old[at + 1] as number
    }
  }
}

/** The first 32 bits of a key. */
export function highOf(key: RowKey): number {
  return Number.parseInt(key.slice(7, 15), 16)
}

function lowOf(key: RowKey): number {
  return Number.parseInt(key.slice(15, 23), 16)
}

function isFree(slots: Uint32Array, slot: number): boolean {
  return slots[slot] === 0 && slots[slot + 1] === 0
}

function slotOf(slots: Uint32Array, low: number, high: number): number {
  const mask = slots.length - 2
  let slot = (low << 1) & mask
  while (!isFree(slots, slot) && (slots[slot] !== low || slots[slot + 1] !== high)) slot = (slot + 2) & mask
  return slot
}
