import type { Claims } from './claims.ts'
import type { OwnerRecord } from './owner.ts'

/** What came of trying to be the one that asks for a row. */
type TurnOutcome =
  | { kind: 'mine' }
  /** It was stored meanwhile. */
  | { kind: 'stored' }
  /** Another process asks for it now; undefined if nobody can tell which. */
  | { kind: 'taken'; owner: OwnerRecord | undefined }

/**
 * Who asks for a row, among processes. Hold a turn only while a request is on its way, and wait for nothing that others
 * may hold meanwhile: then every process goes on with what it can do, and none waits in a circle.
 */
export interface RowTurn {
  /** Whether it was ever had. */
  readonly wasTaken: boolean
  /** Takes the turn unless the row is there or another process has it. It ends with the call of `getOrRun`. */
  take(): TurnOutcome
  /** Gives the turn back before that. */
  pass(): void
  /** Resolves when the other process has ended its turn, whatever came of it; rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<void>
}

/** A turn by the claim of this name; `isStored` looks at what is stored at the time of the call. */
export function rowTurn(name: string, claims: Claims, isStored: () => boolean): RowTurn {
  let wasTaken = false
  return {
    get wasTaken() {
      return wasTaken
    },
    take: () => {
      const holder = claims.take(name)
      // Who had the turn before stored the row before it gave the turn back, which may take a moment to be seen.
      if (!isStored()) {
        if (holder) return { kind: 'taken', owner: holder.owner }
        wasTaken = true
        return { kind: 'mine' }
      }
      if (!holder) claims.release(name)
      return { kind: 'stored' }
    },
    pass: () => claims.release(name),
    next: (signal) => claims.freed(name, signal),
  }
}
