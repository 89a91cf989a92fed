import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { type FileDigest, sha256 } from '../../cache/digest.ts'
import type { StatMemo } from '../../cache/stat-memo.ts'
import type { FolderTree } from '../../cache/tree.ts'
import type { DatasetPlace, RemotePart, SourceFile } from '../../stages/define.ts'
import type { GraphNode, InputRef } from './node.ts'

type PathRef = Extract<InputRef, { type: 'path' }>
/** A file, whose digest is its own, or a folder as it was found. */
type Tree = { digest: string; executable: boolean; files: FolderTree['files']; found?: FolderTree }
type Fetched = (part: RemotePart) => { path: string; files?: readonly string[] } | undefined

/** The files outside the store that a graph reads, each hashed at most once and remembered by its stat. */
export class SourceFiles {
  readonly #memo: StatMemo
  readonly #files = new Map<string, FileDigest>()
  readonly #trees = new Map<string, Tree>()
  /** When a folder was last looked through, as far as it was. */
  readonly #looked = new Map<string, number>()
  readonly #fetched: Fetched

  /** `fetched` tells where a part of a dataset lies that was fetched. */
  constructor(memo: StatMemo, fetched: Fetched = () => undefined) {
    this.#memo = memo
    this.#fetched = fetched
  }

  /** Hashes what these nodes read and is not known yet. */
  load(nodes: Iterable<GraphNode>): Promise<void> {
    return this.#hash(nodes, (known) => !known)
  }

  /**
   * Looks again at a node's files; unchanged files cost a stat. What is known stays so for others meanwhile. A folder that
   * was looked through within the last `freshMs` counts as it was then.
   */
  reload(node: GraphNode, freshMs = 0): Promise<void> {
    return this.#hash([node], () => true, performance.now() - freshMs)
  }

  async #hash(nodes: Iterable<GraphNode>, wanted: (known: boolean) => boolean, freshFrom = 0): Promise<void> {
    const files = new Set<string>()
    const trees = new Map<string, PathRef>()
    for (const node of nodes) {
      for (const ref of node.inputs.values()) {
        for (const place of ref.type === 'dataset' ? Object.values(ref.parts) : []) {
          const folder = folderOf(place)
          if (folder) trees.set(treeId(folder), folder)
          else for (const path of localPaths(place)) if (wanted(this.#files.has(path))) files.add(path)
        }
        if (ref.type === 'path') trees.set(treeId(ref), ref)
      }
    }
    for (const id of trees.keys())
      if (!wanted(this.#trees.has(id)) || (this.#looked.get(id) ?? 0) > freshFrom) trees.delete(id)
    const work: Promise<void>[] = []
    for (const path of files) {
      const known = this.#memo.peek(path)
      if (known) this.#files.set(path, known)
      else work.push(this.#memo.digest(path).then((digest) => void this.#files.set(path, digest)))
    }
    for (const [id, ref] of trees) work.push(this.#look(id, ref))
    await Promise.all(work)
  }

  /**
   * What the content of a part of a dataset is known by: the digest of its file; with its reading where it has one; what
   * pins it where it is fetched. It must have been loaded.
   */
  part(place: DatasetPlace): CanonicalValue {
    if (typeof place === 'string') return this.#file(place)
    const { reading } = place
    const folder = folderOf(place)
    const content =
      'remote' in place
        ? { pinned: place.remote.pin }
        : folder
          ? { folder: this.tree(folder).digest }
          : { file: this.#file(place.path) }
    return { ...content, reading } as CanonicalValue
  }

  /** A part as stages read it, which must have been loaded; undefined while it is still to be fetched. */
  source(place: DatasetPlace): SourceFile | undefined {
    const identity = this.part(place)
    if (typeof place === 'string') return { location: place, digest: identity as FileDigest }
    const found = 'remote' in place ? this.#fetched(place.remote) : place
    if (!found) return undefined
    return {
      location: found.path,
      digest: sha256<'file'>(canonicalBytes('dataset part', identity)),
      ...(found.files === undefined ? {} : { files: found.files }),
      // Always there where the digest is not that of a file's bytes.
      reading: place.reading ?? {},
    }
  }

  #file(path: string): FileDigest {
    const digest = this.#files.get(path)
    if (digest === undefined) throw new Error(`${path} was not hashed`)
    return digest
  }

  /** The file, or the sorted files of a folder or glob, which must have been loaded. */
  tree(ref: PathRef): Tree {
    const tree = this.#trees.get(treeId(ref))
    if (tree === undefined) throw new Error(`${ref.path} was not hashed`)
    return tree
  }

  async #look(id: string, ref: PathRef): Promise<void> {
    const from = performance.now()
    this.#trees.set(id, await this.#readTree(ref, this.#trees.get(id)))
    this.#looked.set(id, from)
  }

  async #readTree(ref: PathRef, known: Tree | undefined): Promise<Tree> {
    if (ref.folder || ref.matches) {
      const found = await this.#memo.tree(ref.path, ref.matches, known?.found)
      return { digest: found.digest, executable: false, files: found.files, found }
    }
    const digest = this.#memo.peek(ref.path) ?? (await this.#memo.digest(ref.path))
    const { mode, size } = statSync(ref.path)
    const executable = (mode & 0o100) !== 0
    return { digest, executable, files: [{ path: '', location: ref.path, digest, executable, size }] }
  }
}

function treeId(ref: PathRef): string {
  return ref.matches ? `${ref.path}\n${ref.matches.join('\n')}` : ref.path
}

/** Paths of a part of a dataset that its owner keeps. */
export function localPaths(place: DatasetPlace): readonly string[] {
  if (typeof place === 'string') return [place]
  if ('remote' in place) return []
  return place.files?.map((file) => join(place.path, file)) ?? [place.path]
}

/** What is to be fetched of the parts of a dataset that a slot reads. */
export function remoteParts({ parts }: Extract<InputRef, { type: 'dataset' }>): readonly RemotePart[] {
  return Object.values(parts).flatMap((place) => (typeof place !== 'string' && 'remote' in place ? [place.remote] : []))
}

function folderOf(place: DatasetPlace): PathRef | undefined {
  if (typeof place === 'string' || 'remote' in place || place.files === undefined) return undefined
  return { type: 'path', path: place.path, folder: true, matches: place.files }
}
