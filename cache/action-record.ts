import type { CanonicalValue } from './canonical.ts'
import type { ActionKey, ArtifactDigest, BlobId } from './digest.ts'

/** One file of a recorded output. */
export interface RecordedFile {
  path: string
  size: number
  executable: boolean
  blob: BlobId
}

/** One recorded output. */
export interface RecordedOutput {
  kind: string
  digest: ArtifactDigest
  files: readonly RecordedFile[]
}

/** Which node of which pipeline of which project a result was made for. */
export interface NodeAddress {
  project: string
  pipeline: string
  node: string
}

/** What was asked of one model for one node, and what it took. */
export interface ModelUse {
  /** Requests answered anew, or refused for good. */
  new: number
  /** Rows that the store had. */
  cached: number
  /** Sendings beyond the first of a request. */
  retried: number
  failed: number
  /** Of the answers that are new, as the server counts them. */
  input_tokens: number
  output_tokens: number
  /** New answers of which the server did not say their tokens. */
  uncounted: number
  /** In which at least one request was on its way, waits between retries included. */
  seconds: number
  /** By the prices that the model had; null where it has none. */
  money: number | null
}

/** What is remembered of one executed node: its outputs, and everything that must not stand in them. */
export interface ActionRecord extends NodeAddress {
  key: ActionKey
  outputs: { readonly [name: string]: RecordedOutput }
  /** Counts, warnings and details that the stage left. */
  summary: CanonicalValue
  /** Rows that failed for a passing reason; the node is stale because of them. */
  incomplete: number
  run: string
  /** Version of queryloom. */
  engine: string
  startedAt: string
  seconds: number
  requests: { sent: number; cached: number; failed: number }
  /** The same by the name of each model, with what it took; absent where none was asked. */
  models?: { readonly [model: string]: ModelUse }
  /** In which round its rows were asked for again, if they were. */
  round?: number
  /** Somebody's word that outputs made for another key are those of this one. */
  accepted?: { why: string; from: ActionKey; at: string }
  /** Keys of the stored rows that it was made from, sorted, 32 bytes each. */
  rows?: { count: number; blob: BlobId }
  /** What was seen of the execution: hardware, versions, speed, energy. */
  observed?: CanonicalValue
  /** Where it came from if it was not made here, and the trusted key that had signed it (or `unsigned`). */
  origin?: RecordOrigin
}

/** A remote by its name, or a bundle by its digest. */
export type RecordOrigin = ({ remote: string } | { bundle: string }) & { signer: string }

/** A recorded result with what the log says about it. */
export interface StoredResult {
  /** Names the record within its log. */
  id: string
  record: ActionRecord
  /**
   * When everybody could know that it is forgotten, in milliseconds since the epoch; infinite if whoever forgot it died
   * before that was written down. Absent for results that count.
   */
  forgottenAt?: number
  /** Nodes of which it is the newest result. */
  heads: readonly NodeAddress[]
}
