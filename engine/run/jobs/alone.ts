import { join } from 'node:path'
import { lockAttempts } from '../../../cache/file-lock.ts'
import { ownerWords } from '../../../cache/owner.ts'
import { pause } from '../../util/pause.ts'

const POLL_MS = 1_000

/**
 * Does what only one run at a time should do in a job's folder that several may come to: the others wait until it has ended
 * or is gone, and find what it has left. It only saves work, as any lock here: what is done stays right without it.
 */
export async function alone<Made>(
  folder: string,
  { signal, onNote, pollMs = POLL_MS }: { signal: AbortSignal; onNote(note: string): void; pollMs?: number },
  make: () => Promise<Made>,
): Promise<Made> {
  const attempt = lockAttempts(join(folder, 'follower.lock'))
  let told: string | undefined
  for (;;) {
    signal.throwIfAborted()
    const lock = attempt()
    if ('release' in lock) {
      try {
        return await make()
      } finally {
        lock.release()
      }
    }
    if (told !== lock.text) onNote(`${ownerWords(lock.owner)} has this done already, and is waited for`)
    told = lock.text
    await pause(pollMs, signal)
  }
}
