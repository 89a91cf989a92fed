import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newOwner, type OwnerRecord, parseOwner, vitality } from './owner.ts'
import { removeTree } from './remove-tree.ts'
import { isMissing } from './store-error.ts'

const OWNER = 'owner.json'
const ABANDONED_MS = 24 * 3600_000

/**
 * Makes a folder below `parent` that only this process uses, and removes those that dead processes left there. Of
 * owners that can't be judged (another host) only folders untouched for a day go.
 */
export function makePrivateFolder(parent: string): string {
  mkdirSync(parent, { recursive: true })
  sweepPrivateFolders(parent)
  const owner = newOwner()
  const folder = join(parent, owner.nonce)
  mkdirSync(folder)
  writeFileSync(join(folder, OWNER), JSON.stringify(owner))
  return folder
}

/** Removes the private folders below `parent` that dead processes left. */
export function sweepPrivateFolders(parent: string): void {
  for (const entry of readdirSync(parent, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const folder = join(parent, entry.name)
    try {
      if (isAbandoned(folder)) removeTree(folder)
    } catch {
      // Another process sweeps too, or a child of the dead one still writes there: the next sweep gets it.
    }
  }
}

function isAbandoned(folder: string): boolean {
  const owner = ownerOf(folder)
  const state = owner ? vitality(owner) : 'unknown'
  return state === 'dead' || (state === 'unknown' && Date.now() - statSync(folder).mtimeMs > ABANDONED_MS)
}

function ownerOf(folder: string): OwnerRecord | undefined {
  try {
    return parseOwner(readFileSync(join(folder, OWNER), 'utf8'))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
