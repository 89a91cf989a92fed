/** A graphics card that can be lent, or an instance of one that is partitioned (MIG). */
export interface Card {
  /** As CUDA knows it: `GPU-…` or `MIG-…`. */
  uuid: string
  /** Of the card, as nvidia-smi counts. */
  index: number
  name: string
  /** Bytes; infinite where the driver does not tell. */
  memory: number
}

/** Cards that something needs all at once. */
export interface CardRequest {
  count: number
  /** Bytes that must be free on each. */
  memory: number
}

/** What others have of a card at one moment. */
export interface CardUse {
  /** Bytes free. */
  free: number
  /** Processes that compute on it. */
  pids: readonly number[]
}
