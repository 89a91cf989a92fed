import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { newOwner } from '../../cache/owner.ts'

/** Name of the file in a run's folder that tells which process carries the run out. */
export const OWNER_FILE = 'owner.json'

/**
 * Makes the folder of a new run below `runs/` of a store. Its name is the run's id: the time to the second (UTC), so
 * that ids sort by age, and what tells runs of one second apart.
 */
export function makeRunFolder(store: string, now: Date): { id: string; folder: string } {
  const runs = join(store, 'runs')
  mkdirSync(runs, { recursive: true })
  const time = now.toISOString().replace(/[-:]|\..*/g, '')
  for (;;) {
    const id = `${time}-${randomBytes(3).toString('hex')}`
    const folder = join(runs, id)
    try {
      mkdirSync(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw error
    }
    writeFileSync(join(folder, OWNER_FILE), JSON.stringify(newOwner()))
    return { id, folder }
  }
}

/** Longest name of a log without its ending; what is longer, or can't stand in a name, is told apart by a digest. */
const MAX_NAME = 150

/** Path of a node's log in the folder of a run; no two nodes have the same. */
export function logPath(folder: string, node: string): string {
  const plain = node.replace(/[^\w.=,[\]-]/g, '_')
  const isWhole = plain === node && plain.length <= MAX_NAME
  const name = isWhole ? plain : `${plain.slice(0, MAX_NAME - 17)}~${hexOf(sha256(node)).slice(0, 16)}`
  return join(folder, 'logs', `${name}.log`)
}
