import { createHash, hash } from 'node:crypto'

declare const of: unique symbol

/** A sha256 written with its algorithm (`sha256:<64 hex>`), branded with what it is the digest of. */
export type Sha256<Of extends string> = string & { readonly [of]: Of }

/** Bytes of one stored file; also the name of that file in the blob store. */
export type BlobId = Sha256<'blob'>
/** Bytes of one input file. */
export type FileDigest = Sha256<'file'>
/** Merkle digest of a folder or of any sorted list of files. */
export type TreeDigest = Sha256<'tree'>
/** Manifest of one output of a stage: sorted paths, executable bits, sizes and blobs. */
export type ArtifactDigest = Sha256<'artifact'>
/** Everything that decides the outputs of one node. */
export type ActionKey = Sha256<'action'>
/** Everything that decides one request to a language model. */
export type RowKey = Sha256<'row'>

const PREFIX = 'sha256:'

/** Digest of bytes at hand. A string counts as its UTF-8 bytes. */
export function sha256<Of extends string>(bytes: Uint8Array | string): Sha256<Of> {
  return (PREFIX + hash('sha256', bytes, 'hex')) as Sha256<Of>
}

/** A running digest, for bytes that are streamed. */
export interface Sha256Stream {
  update(bytes: Uint8Array | string): void
  digest<Of extends string>(): Sha256<Of>
}

/** Starts a running digest. */
export function sha256Stream(): Sha256Stream {
  const running = createHash('sha256')
  return {
    update: (bytes) => void running.update(bytes),
    digest: <Of extends string>() => (PREFIX + running.digest('hex')) as Sha256<Of>,
  }
}

/** The 64 hexadecimal digits of a digest, for file names. */
export function hexOf(digest: Sha256<string>): string {
  return digest.slice(PREFIX.length)
}

/** Tells whether a text has the form of a digest; the only way to turn outside text into one. */
export function isSha256(text: unknown): text is Sha256<never> {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text)
}
