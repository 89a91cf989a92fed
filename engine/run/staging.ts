import { mkdirSync, readdirSync, renameSync, rmdir, rmSync, unlinkSync } from 'node:fs'
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
  #removing: Promise<unknown> = Promise.resolve()

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

  /** Has folders removed, without waiting for the disk; what can't be removed now goes at the end. */
  discard({ scratch, outputs }: NodeFolders): void {
    try {
      const folders = [scratch, ...Object.values(outputs)].flatMap(emptied)
      this.#removing = Promise.all([this.#removing, removed(folders)])
    } catch {
      // A straggler may be writing there until it is swept.
    }
  }

  async close(): Promise<void> {
    await this.#removing
    rmSync(this.root, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Removes all files below a folder; gives the folders that are left, inner ones first. */
function emptied(folder: string): string[] {
  const folders: string[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) folders.push(...emptied(path))
    else unlinkSync(path)
  }
  folders.push(folder)
  return folders
}

// Removing a folder waits for the journal of the file system: many times as long as all else that is done for a node.
function removed(folders: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const next = (at: number): void => {
      const folder = folders[at]
      if (folder === undefined) resolve()
      else rmdir(folder, () => next(at + 1))
    }
    next(0)
  })
}
