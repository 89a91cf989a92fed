import { readdirSync, rmdir, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { makePrivateFolder } from '../../cache/private-folder.ts'

/** The private folders in which the nodes of one run work. */
export class Staging {
  readonly root: string
  #removing: Promise<unknown> = Promise.resolve()

  constructor(store: string) {
    this.root = makePrivateFolder(join(store, 'staging'))
  }

  /** The folder of a node; it is not there yet. */
  folder(name: string): string {
    return join(this.root, name)
  }

  /** Has a folder removed, without waiting for the disk; what can't be removed now goes at the end. */
  discard(folder: string): void {
    try {
      const folders = emptied(folder)
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
