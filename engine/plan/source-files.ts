import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { FileDigest } from '../../cache/digest.ts'
import type { StatMemo } from '../../cache/stat-memo.ts'
import type { StageInput } from '../../stages/define.ts'
import type { GraphNode, InputRef } from './node.ts'

type PathRef = Extract<InputRef, { type: 'path' }>
type Tree = { digest: string; executable: boolean; files: Extract<StageInput, { type: 'path' }>['files'] }

/** The files outside the store that a graph reads, each hashed at most once and remembered by its stat. */
export class SourceFiles {
  readonly #memo: StatMemo
  readonly #files = new Map<string, FileDigest>()
  readonly #trees = new Map<string, Tree>()

  constructor(memo: StatMemo) {
    this.#memo = memo
  }

  /** Hashes what these nodes read and is not known yet. */
  load(nodes: Iterable<GraphNode>): Promise<void> {
    return this.#hash(nodes, (known) => !known)
  }

  /** Looks again at a node's files; unchanged files cost a stat. What is known stays so for others meanwhile. */
  reload(node: GraphNode): Promise<void> {
    return this.#hash([node], () => true)
  }

  async #hash(nodes: Iterable<GraphNode>, wanted: (known: boolean) => boolean): Promise<void> {
    const files = new Set<string>()
    const trees = new Map<string, PathRef>()
    for (const node of nodes) {
      for (const ref of node.inputs.values()) {
        for (const path of datasetPaths(ref)) if (wanted(this.#files.has(path))) files.add(path)
        if (ref.type === 'path' && wanted(this.#trees.has(treeId(ref)))) trees.set(treeId(ref), ref)
      }
    }
    const work: Promise<void>[] = []
    for (const path of files) {
      const known = this.#memo.peek(path)
      if (known) this.#files.set(path, known)
      else work.push(this.#memo.digest(path).then((digest) => void this.#files.set(path, digest)))
    }
    for (const [id, ref] of trees) work.push(this.#readTree(ref).then((tree) => void this.#trees.set(id, tree)))
    await Promise.all(work)
  }

  /** Digest of one file of a dataset, which must have been loaded. */
  source(path: string): FileDigest {
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

  async #readTree(ref: PathRef): Promise<Tree> {
    if (!ref.folder && !ref.matches) {
      const digest = this.#memo.peek(ref.path) ?? (await this.#memo.digest(ref.path))
      const executable = (statSync(ref.path).mode & 0o100) !== 0
      return { digest, executable, files: [{ path: '', location: ref.path, digest, executable }] }
    }
    const { digest, files } = await this.#memo.tree(ref.path, ref.matches)
    return {
      digest,
      executable: false,
      files: files.map((file) => ({
        path: file.path,
        location: join(ref.path, file.path),
        digest: file.digest,
        executable: file.executable,
      })),
    }
  }
}

function treeId(ref: PathRef): string {
  return ref.matches ? `${ref.path}\n${ref.matches.join('\n')}` : ref.path
}

function datasetPaths(ref: InputRef): string[] {
  if (ref.type !== 'dataset') return []
  return [ref.parts.corpus, ref.parts.queries, ref.parts.qrels].filter((path) => path !== undefined)
}
