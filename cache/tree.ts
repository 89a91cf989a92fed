import { canonicalBytes } from './canonical.ts'
import { type FileDigest, sha256, type TreeDigest } from './digest.ts'

/** One file of a folder that was hashed. */
export interface TreeFile {
  /** Relative to the folder, with `/`. */
  path: string
  location: string
  executable: boolean
  size: number
  digest: FileDigest
}

/** A folder's files, sorted by the UTF-8 bytes of their paths, and the digest over all of them. */
export interface FolderTree {
  digest: TreeDigest
  files: TreeFile[]
}

/** Digest of a sorted list of files: paths, executable bits, sizes and content, never where they lie. */
export function treeDigest(files: readonly TreeFile[]): TreeDigest {
  const manifest = files.map((file) => [file.path, file.executable, file.size, file.digest])
  return sha256(canonicalBytes('tree', manifest))
}

/** Whether two sorted lists of files have the same digest, in a fraction of the time that it takes. */
export function haveSameContent(one: readonly TreeFile[], other: readonly TreeFile[]): boolean {
  return (
    one.length === other.length &&
    one.every((file, at) => {
      const { path, executable, size, digest } = other[at] as TreeFile
      return file.digest === digest && file.path === path && file.size === size && file.executable === executable
    })
  )
}
