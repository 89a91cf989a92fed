import { mkdirSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { makePrivateFolder } from '../../cache/private-folder.ts'

/** The private folders of one node, all empty at first. */
export interface NodeFolders {
  name: string
  scratch: string
  /** By the name of the output. */
  outputs: { readonly [name: string]: string }
}

/** The private folders in which the nodes of one run work. */
export class Staging {
  readonly root: string

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
        rmSync(folder, { recursive: true, force: true })
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
   * Gives back the room that the folders of a node take. The emptied folders go with the last node: one that is removed
   * makes whoever makes another wait for the file system.
   */
  discard({ scratch, outputs }: NodeFolders): void {
    try {
      for (const folder of [scratch, ...Object.values(outputs)]) empty(folder)
    } catch {
      // A straggler may be writing there until it is swept.
    }
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Removes all files below a folder. */
function empty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) empty(path)
    else unlinkSync(path)
  }
}
