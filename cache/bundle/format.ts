import { StoreError } from '../store-error.ts'

/*
 * A bundle is, in this order and with nothing between or behind:
 *
 * | bytes | what |
 * |---|---|
 * | 109 | the header, one line of ASCII: `queryloom-bundle 1 MMMMMMMMMMMM SSSS sha256:…`, lengths in decimal digits |
 * | M | the manifest, one line of JSON in UTF-8, whose sha256 the header holds |
 * | S | the signature of the manifest (JSON), nothing if unsigned |
 * | all | the blobs of the manifest one after the other, in its order (that of their digests), as they are |
 */

/** Bytes of the header: version 1 of 12 digits for the manifest, 4 for the signature, a sha256, a line break. */
export const HEADER_BYTES = 109
/** Longest manifest that is read or written. */
export const MAX_MANIFEST_BYTES: number = 32 << 20
/** Longest signature that is read. */
export const MAX_SIGNATURE_BYTES = 512
export const FORMAT_VERSION = 1
/** Most files, and most blobs, of a bundle. */
export const MAX_ENTRIES = 100_000

/** One file as it is placed. */
export interface BundleFile {
  path: string
  type: 'file'
  mode: '644' | '755'
  size: number
  sha256: string
}

/** Bytes in the bundle, by the 64 hexadecimal digits of their sha256. */
export interface BundleBlob {
  sha256: string
  size: number
}

/** A blob that holds so many lines of JSON. */
export interface BundleLines extends BundleBlob {
  count: number
}

/** All that a bundle holds. Members stand in this order. */
export interface BundleManifest {
  /** Path of the pipeline file among `files`. */
  pipeline: string
  /** Sorted by the UTF-8 bytes of the paths. */
  files: readonly BundleFile[]
  /** Results of nodes, whose blobs are among `blobs`. */
  results?: BundleLines
  /** Answers of language models. */
  rows?: BundleLines
  /** Sorted by digest, each once; each is used by a file, by a result, or as results or rows. */
  blobs: readonly BundleBlob[]
}

/** A failure of a bundle that was read: what is wrong with it, and that nothing was taken from it. */
export function badBundle(message: string, where: string, advice: string = NOTHING_TAKEN): StoreError {
  return new StoreError(message, { problem: 'bad-file', where, advice })
}

const NOTHING_TAKEN = 'nothing was taken from it; ask whoever made it for another copy'

/** The header of a bundle. */
export function encodeHeader(manifestBytes: number, signatureBytes: number, digest: string): Buffer {
  const lengths = `${String(manifestBytes).padStart(12, '0')} ${String(signatureBytes).padStart(4, '0')}`
  return Buffer.from(`queryloom-bundle ${FORMAT_VERSION} ${lengths} ${digest}\n`, 'latin1')
}

/** The one text of a manifest. */
export function encodeManifest({ pipeline, files, results, rows, blobs }: BundleManifest): Buffer {
  const blob = ({ sha256, size }: BundleBlob): BundleBlob => ({ sha256, size })
  const lines = ({ sha256, size, count }: BundleLines): BundleLines => ({ sha256, size, count })
  const ordered: BundleManifest = {
    pipeline,
    files: files.map(({ path, type, mode, size, sha256 }) => ({ path, type, mode, size, sha256 })),
    ...(results ? { results: lines(results) } : {}),
    ...(rows ? { rows: lines(rows) } : {}),
    blobs: blobs.map(blob),
  }
  return Buffer.from(`${JSON.stringify(ordered)}\n`, 'utf8')
}

/** What is signed: the manifest, under a domain of its own. */
export function signedBytes(manifest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('queryloom:bundle:1\n', 'latin1'), manifest])
}
