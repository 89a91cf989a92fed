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
}
