import type { ActionRecord } from '../../cache/action-log.ts'
import type { Holder } from '../../cache/claims.ts'
import { type ActionKey, hexOf } from '../../cache/digest.ts'
import type { Store } from '../../cache/store.ts'

/** What waiting for a turn needs to know and to tell. */
export interface TurnRequest {
  /** The result that would be used, from what is in the log at the time of the call. */
  stored(): ActionRecord | undefined
  /** Told, again and again, why the node waits for another run. */
  onWait(note: string): void
  /** Ends waiting. */
  signal: AbortSignal
}

/** The result that another node or run has made meanwhile, or leave to make one. */
export type ActionTurn =
  | { record: ActionRecord; use?: never }
  | {
      record?: never
      /** Makes it. Others have their turn when it has failed, or when its record is there for them to find. */
      use<Made extends { durable: Promise<void> }>(make: () => Promise<Made>): Promise<Made>
    }

const TELL_MS = 10_000

/**
 * Waits until this run may execute an action: nodes with one key are one piece of work, whichever run they are of. If
 * the run that is at it dies or fails, the next takes over. Rejects with the signal's reason.
 */
export async function actionTurn(store: Store, run: string, key: ActionKey, request: TurnRequest): Promise<ActionTurn> {
  const { claims, actions } = store
  const name = hexOf(key)
  for (;;) {
    const before = request.stored()
    if (before) return { record: before }
    const holder = claims.take(name, run)
    if (holder) {
      await told(holder, request, () => claims.freed(name, request.signal))
      actions.refresh()
      continue
    }
    try {
      // Whoever had the turn last recorded its result before it gave the turn back.
      const known = actions.find(key).length
      actions.refresh()
      const record = actions.find(key).length === known ? undefined : request.stored()
      if (record) {
        claims.release(name)
        return { record }
      }
    } catch (error) {
      claims.release(name)
      throw error
    }
    return { use: (make) => use(make, () => claims.release(name)) }
  }
}

async function use<Made extends { durable: Promise<void> }>(
  make: () => Promise<Made>,
  release: () => void,
): Promise<Made> {
  try {
    const made = await make()
    made.durable.then(release, release)
    return made
  } catch (error) {
    release()
    throw error
  }
}

async function told(holder: Holder, request: TurnRequest, wait: () => Promise<void>): Promise<void> {
  // Another node of this run is no news: that one shows what it does.
  if (holder.isSelf) return wait()
  const tell = (): void => request.onWait(waitText(holder))
  tell()
  const telling = setInterval(tell, TELL_MS)
  try {
    await wait()
  } finally {
    clearInterval(telling)
  }
}

function waitText({ owner, note }: Holder): string {
  const who = note === '' ? 'another run' : `run ${note}`
  return owner ? `waiting for ${who} (pid ${owner.pid} on ${owner.host})` : `waiting for ${who}`
}
