import { lstatSync, mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { makePrivateFolder } from '../../cache/private-folder.ts'
import { removeTree } from '../../cache/remove-tree.ts'

/** The private folders of one node, all empty at first. */
export interface NodeFolders {
  name: string
  scratch: string
  /** By the name of the output. */
  outputs: { readonly [name: string]: string }
}

/** What the finished nodes of a run may leave lying until it ends. */
export const LEFT_BYTES: number = 64 * 2 ** 20
const LEFT_FILES = 10_000

/** The private folders in which the nodes of one run work. */
export class Staging {
  readonly root: string
  readonly #left: Room = { bytes: LEFT_BYTES, files: LEFT_FILES }

  constructor(store: string) {
    this.root = makePrivateFolder(join(store, 'staging'))
  }

  /** Makes the folders of a node, side by side: a folder around them would cost as much again. */
  make(name: string, outputs: readonly string[]): NodeFolders {
    const made = (part: string): string => {
      const folder = join(this.root, `${name}.${part}`)
      try {
        mkdirSync(folder)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        // Of an attempt before, whose folders could not be kept.
        removeTree(folder)
        mkdirSync(folder)
      }
      return folder
    }
    const scratch = made('scratch')
    return { name, scratch, outputs: Object.fromEntries(outputs.map((output) => [output, made(`output.${output}`)])) }
  }

  /** Puts the folders of a node together in one, for people to look at. */
  gather({ name, scratch, outputs }: NodeFolders): string {
    const folder = join(this.root, name)
    mkdirSync(folder)
    renameSync(scratch, join(folder, 'scratch'))
    for (const [output, path] of Object.entries(outputs)) renameSync(path, join(folder, `output.${output}`))
    return folder
  }

  /**
   * Gives back the room that the folders of a node take. Little is left to lie until the run ends: ext4 looks at every
   * inode that was freed in the last minutes before it gives out another.
   */
  discard({ scratch, outputs }: NodeFolders): void {
    const folders = [scratch, ...Object.values(outputs)]
    try {
      const left = { ...this.#left }
      if (folders.every((folder) => fits(folder, left))) Object.assign(this.#left, left)
      else for (const folder of folders) empty(folder)
    } catch {
      // A straggler may be writing there until it is swept.
    }
  }

  close(): void {
    try {
      removeTree(this.root)
    } catch {
      // Results stand; a later run sweeps what can be removed.
    }
  }
}

interface Room {
  bytes: number
  files: number
}

/** Takes what lies below a folder off the room; false as soon as that is not enough. */
function fits(folder: string, room: Room): boolean {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    room.files -= 1
    if (room.files < 0) return false
    if (entry.isDirectory()) {
      if (!fits(path, room)) return false
      continue
    }
    room.bytes -= lstatSync(path).size
    if (room.bytes < 0) return false
  }
  return true
}

/** Removes all files below a folder; emptied folders go with the run. */
function empty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) empty(path)
    else unlinkSync(path)
  }
}
