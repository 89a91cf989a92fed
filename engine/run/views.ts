import { existsSync, readlinkSync, renameSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { ActionRecord, RecordedFile } from '../../cache/action-log.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { replaceSymlink } from '../../cache/durable.ts'
import { checkView, materialize } from '../../cache/materialize.ts'
import { makePrivateFolder } from '../../cache/private-folder.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import type { Store } from '../../cache/store.ts'
import { isMissing } from '../../cache/store-error.ts'
import type { Graph, GraphNode } from '../plan/node.ts'
import { viewName } from './view-name.ts'

/** Longest name of a link; what is longer ends in a digest instead. */
const MAX_NAME = 120

/**
 * Keeps `out/PIPELINE/NODE` a link to an immutable copy of the node's newest outputs. A view is never read by the
 * engine; one that somebody edited is moved aside and made anew.
 */
export class Views {
  readonly #store: Store
  readonly #out: string
  readonly #graph: Graph
  /** Copies being made, by folder: nodes with equal outputs share one. */
  readonly #making = new Map<string, Promise<void>>()
  /** From the links to the folder of all copies. */
  readonly #target: string
  /** Where this process makes them. */
  #private: string | undefined

  constructor(store: Store, out: string, graph: Graph) {
    this.#store = store
    this.#out = out
    this.#graph = graph
    this.#target = relative(out, join(store.root, 'views'))
  }

  /** Points the node's link at these outputs; returns where an edited view was moved to, if there was one. */
  async show(node: GraphNode, record: ActionRecord): Promise<string | undefined> {
    if (!this.#isShown(node)) return undefined
    const link = join(this.#out, linkName(node.id))
    const files = viewFiles(record)
    const name = viewName(record)
    const folder = join(this.#store.root, 'views', name)
    const target = join(this.#target, name)
    while (this.#making.has(folder)) await this.#making.get(folder)
    const state = checkView(folder, files, this.#store)
    if (state === 'ok' && linkedTo(link) === target) return undefined
    const aside = state === 'edited' ? moveAside(folder) : undefined
    if (state !== 'ok') {
      const made = this.#make(folder, files)
      this.#making.set(folder, made)
      await made.finally(() => this.#making.delete(folder))
    }
    replaceSymlink(link, target)
    return aside
  }

  /** Removes what is only needed while views are made. */
  close(): void {
    if (this.#private !== undefined) removeTree(this.#private)
    this.#private = undefined
  }

  // Another run may make the same view: it appears as a whole, and whoever comes second uses what is there.
  async #make(folder: string, files: readonly RecordedFile[]): Promise<void> {
    this.#private ??= makePrivateFolder(join(dirname(folder), '.making'))
    const made = join(this.#private, basename(folder))
    try {
      await materialize(files, made, this.#store)
      if (!this.#publish(made, folder, files)) removeTree(made)
    } catch (error) {
      removeTree(made)
      throw error
    }
  }

  #publish(made: string, folder: string, files: readonly RecordedFile[]): boolean {
    try {
      renameSync(made, folder)
      return true
    } catch (error) {
      if (!isTaken(error)) throw error
      if (checkView(folder, files, this.#store) === 'ok') return false
      removeTree(folder)
      renameSync(made, folder)
      return true
    }
  }

  // Of a sweep only what nothing depends on is shown: its inner nodes are many and seldom looked at.
  #isShown(node: GraphNode): boolean {
    return Object.keys(node.variant).length === 0 || (this.#graph.dependents.get(node.id) ?? []).length === 0
  }
}

function viewFiles(record: ActionRecord): RecordedFile[] {
  return Object.entries(record.outputs).flatMap(([output, { files }]) =>
    files.map((file) => ({ ...file, path: `${output}/${file.path}` })),
  )
}

function linkName(node: string): string {
  const name = node.replace(/[/\\%\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 17)}~${hexOf(sha256(node)).slice(0, 16)}`
}

function linkedTo(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

function moveAside(folder: string): string | undefined {
  const aside = freeName(`${folder}.edited`)
  try {
    renameSync(folder, aside)
    return aside
  } catch (error) {
    // Another run was faster.
    if (isMissing(error)) return undefined
    throw error
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function freeName(path: string): string {
  let name = path
  for (let i = 2; existsSync(name); i++) name = `${path}-${i}`
  return name
}
