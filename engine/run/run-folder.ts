import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** Path of a node's log in the folder of a run. */
export function logPath(folder: string, node: string): string {
  return join(folder, 'logs', `${node.replace(/[^\w.=,[\]-]/g, '_').slice(0, 150)}.log`)
}
