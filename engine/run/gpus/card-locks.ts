import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type HeldLock, lockAttempts } from '../../../cache/file-lock.ts'

/** Locks by which the engine processes of a machine share its cards. */
export interface CardLocks {
  /** The lock of a card, or who has it, in words. */
  take(uuid: string): HeldLock | string
}

/**
 * One lock file for each card, in a folder that all engine processes of a user share. Whoever dies holding one loses it
 * to the next that asks.
 */
export function cardLocks(folder: string): CardLocks {
  const attempts = new Map<string, ReturnType<typeof lockAttempts>>()
  return {
    take(uuid) {
      let attempt = attempts.get(uuid)
      if (!attempt) {
        mkdirSync(folder, { recursive: true })
        attempt = lockAttempts(join(folder, `${uuid.replace(/[^\w-]/g, '_')}.lock`))
        attempts.set(uuid, attempt)
      }
      const result = attempt()
      if ('release' in result) return result
      const { owner } = result
      return owner ? `held by queryloom, process ${owner.pid} on ${owner.host}` : 'held by another queryloom'
    },
  }
}
