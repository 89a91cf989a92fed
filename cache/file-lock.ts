import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { freshNonce } from './durable.ts'
import { newOwner, type OwnerRecord, ownerWords, parseOwner, vitality } from './owner.ts'
import { isMissing, StoreError } from './store-error.ts'

/** A lock that this process holds. */
export interface HeldLock {
  /** False once another process took it over: look before committing. */
  held(): boolean
  release(): void
}

export interface LockOptions {
  /** How long to wait for a living owner, in milliseconds. */
  waitMs: number
  /** An owner of which nothing can be proved counts as gone when it gave no sign of life for so long. */
  silentMs?: number
  /** Called once for every owner that is waited for. */
  onWait?: (owner: OwnerRecord | undefined) => void
  /** Time, in milliseconds from anywhere. */
  clock?: { now(): number; wait(ms: number): Promise<unknown> }
}

const CLOCK = { now: () => performance.now(), wait: (ms: number): Promise<unknown> => setTimeout(ms) }

const SILENT_MS = 60_000

/**
 * Takes the lock file at `path`, waiting for its owner if there is one. A dead owner is taken over at once, a silent
 * one of another host after `silentMs`; nobody ever has to remove a lock by hand. It only saves work: two processes
 * may hold it at once if one was suspended, so what it guards must be safe without it. Throws a StoreError ('busy')
 * after `waitMs`.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<HeldLock> {
  const clock = options.clock ?? CLOCK
  const began = clock.now()
  const attempt = lockAttempts(path, options)
  let told: string | undefined
  for (let turn = 0; ; turn++) {
    const result = attempt()
    if ('release' in result) return result
    const waited = clock.now() - began
    if (waited >= options.waitMs) throw busy(path, result.owner)
    if (told !== result.text) options.onWait?.(result.owner)
    told = result.text
    await clock.wait(Math.min(500, 20 * (turn + 1), Math.max(1, options.waitMs - waited)))
  }
}

/** Who has a lock; `owner` is undefined where its record can't be read. */
export interface TakenLock {
  owner: OwnerRecord | undefined
  text: string
}

/**
 * The same for those who have something else to do meanwhile: each call of the returned function is one attempt, which
 * gives the lock or says who has it.
 */
export function lockAttempts(
  path: string,
  options: Pick<LockOptions, 'silentMs' | 'clock'> = {},
): () => HeldLock | TakenLock {
  const silentMs = options.silentMs ?? SILENT_MS
  const clock = options.clock ?? CLOCK
  let seen: { sign: string; since: number } | undefined
  return () => {
    const mine = newOwner()
    while (!create(path, mine)) {
      const found = look(path)
      if (!found) continue
      const now = clock.now()
      // Signs of life are compared with each other and never with a clock, which another host may have set otherwise.
      if (seen?.sign !== found.sign) seen = { sign: found.sign, since: now }
      const state = found.owner ? vitality(found.owner) : 'unknown'
      const gone = state === 'dead' || (state === 'unknown' && now - seen.since >= silentMs)
      if (!gone) return found
      takeAway(path, found.text)
    }
    return hold(path, mine, silentMs)
  }
}

function hold(path: string, mine: OwnerRecord, silentMs: number): HeldLock {
  const text = JSON.stringify(mine)
  const held = (): boolean => look(path)?.text === text
  const beat = setInterval(() => {
    try {
      if (held()) utimesSync(path, new Date(), new Date())
    } catch {
      // A beat that is missed, or a lock that is gone, shows when `held` is asked.
    }
  }, silentMs / 6)
  beat.unref()
  return {
    held,
    release: () => {
      clearInterval(beat)
      if (held()) rmSync(path, { force: true })
    },
  }
}

// A link to a complete file appears as a whole: nobody reads a lock without its owner.
function create(path: string, owner: OwnerRecord): boolean {
  const text = JSON.stringify(owner)
  const complete = `${path}.${owner.nonce}.tmp`
  try {
    writeFileSync(complete, text)
    linkSync(complete, path)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(code)) throw error
    return createWithoutLinks(path, text)
  } finally {
    rmSync(complete, { force: true })
  }
}

function createWithoutLinks(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function look(path: string): { text: string; owner: OwnerRecord | undefined; sign: string } | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, owner: parseOwner(text), sign: `${text}\n${statSync(path, { bigint: true }).mtimeNs}` }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

// Two processes may find the same dead owner: whoever moves away a successor's lock by mistake puts it back.
function takeAway(path: string, expected: string): void {
  const aside = `${path}.${freshNonce()}.tmp`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, 'utf8') !== expected) linkSync(aside, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (!isMissing(error) && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function busy(path: string, owner: OwnerRecord | undefined): StoreError {
  return new StoreError(`${ownerWords(owner)} has been at this for too long`, {
    problem: 'busy',
    where: path,
    advice: 'wait for that process or end it; the lock frees itself when it is gone',
  })
}
