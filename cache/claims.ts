import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ClaimOwners } from './claim-owners.ts'
import { ClaimSlots, isInSlots, isLocalFolder } from './claim-slots.ts'
import { freshNonce } from './durable.ts'
import { NameWatch, type WatchFolder } from './name-watch.ts'
import type { OwnerRecord } from './owner.ts'
import { isMissing } from './store-error.ts'

/** Who has claimed a name. */
export interface Holder {
  /** Undefined where nobody can tell. */
  owner: OwnerRecord | undefined
  /** What the owner said of its claim. */
  note: string
  /** It was claimed through this very object. */
  isSelf: boolean
}

/**
 * What the processes that share a folder are at, so that none begins what another does already. A claim only saves
 * work: an owner that slept for long may be overtaken, and where none can be made everybody goes on without, so what is
 * done under a claim must be safe without it. No claim ever has to be removed by hand.
 */
export interface Claims {
  /**
   * Claims a name and returns nothing, or who has it. A dead owner is overtaken at once; one of another host, of whom
   * nothing can be proved, after three minutes without a sign of life.
   */
  take(name: string, note?: string): Holder | undefined
  /** Gives a claimed name back. Call it when all that others should find is there to be found. */
  release(name: string): void
  /** From when on, by `performance.now`, no other process was there to claim anything; infinite where that is not known. */
  aloneSince(): number
  /** Resolves when a name that could not be had may be free; rejects with the signal's reason. */
  freed(name: string, signal: AbortSignal): Promise<void>
  /** Gives everything back. */
  close(): void
}

export interface ClaimsOptions {
  /** Claims are many and held for moments, without notes: while nobody else is there they are made without links. */
  brief?: boolean
  /** Time in milliseconds from anywhere; a seam for tests. */
  now?: () => number
  /** A seam for tests. */
  watch?: WatchFolder
}

/**
 * Opens the claims in `folder`; nothing is read or written before the first is taken. A claim is a symbolic link from
 * its name to its owner's nonce: it appears as a whole, by one call, on network file systems too. Names are plain file
 * names other than `owners`.
 *
 * Brief claims on a local file system are lines in a file of their owner's instead, as long as it is the only one. Who
 * comes announces itself, makes a link and reads the others' lines; who is alone writes its line and then looks whether
 * anybody came, in which case it needs the link, too. So one of the two sees the other, whatever the order.
 */
export function openClaims(folder: string, options: ClaimsOptions = {}): Claims {
  return new LinkedClaims(folder, options)
}

const OWNERS = 'owners'
const SLOTS = '.slots'
/** How often it is looked whether those who are there are still alive. */
const SWEEP_MS = 5_000
/** Nobody is overtaken before that. */
const SURELY_MINE_MS = 60_000

class LinkedClaims implements Claims {
  readonly #folder: string
  readonly #owners: ClaimOwners
  readonly #watch: NameWatch
  /** Names and since when they are held. */
  readonly #held = new Map<string, number>()
  /** Those of them that have a link. */
  readonly #linked = new Set<string>()
  readonly #now: () => number
  readonly #isBrief: boolean
  /** Undefined where every claim has to be a link. */
  #slots: ClaimSlots | undefined
  #isAlone: boolean = false
  #announced: boolean = false
  #swept = Number.NEGATIVE_INFINITY

  constructor(folder: string, { brief = false, now = () => performance.now(), watch }: ClaimsOptions) {
    this.#folder = folder
    this.#isBrief = brief
    this.#now = now
    this.#owners = new ClaimOwners(join(folder, OWNERS), now)
    const holdsMany = (name: string): boolean => name.endsWith(SLOTS)
    this.#watch = new NameWatch(folder, (name) => this.#isFree(name), holdsMany, watch)
  }

  take(name: string, note = ''): Holder | undefined {
    if (this.#held.has(name)) return { owner: this.#owners.me, note, isSelf: true }
    try {
      if (!this.#announced) this.#announce()
      if (!this.#takeAlone(name)) {
        const holder = this.#takeAmongOthers(name, note)
        if (holder) {
          this.#slots?.release(name)
          return holder
        }
      }
    } catch {
      // Without a claim others may do the same work: that costs, and breaks nothing.
    }
    this.#held.set(name, this.#now())
    return undefined
  }

  release(name: string): void {
    const since = this.#held.get(name)
    if (since === undefined) return
    this.#held.delete(name)
    this.#slots?.release(name)
    if (this.#linked.delete(name)) {
      try {
        // Whoever overtook this process, which takes long, has a claim of its own there.
        const isSafe = this.#now() - since < SURELY_MINE_MS
        if (isSafe || this.#isMine(targetOf(this.#path(name)))) unlinkSync(this.#path(name))
      } catch {
        // It is overtaken when this process has ended.
      }
    }
    this.#watch.wake(name)
  }

  aloneSince(): number {
    return this.#slots && this.#isAlone ? this.#owners.unchangedSince : Number.POSITIVE_INFINITY
  }

  freed(name: string, signal: AbortSignal): Promise<void> {
    return this.#watch.wait(name, signal)
  }

  close(): void {
    for (const name of [...this.#held.keys()]) this.release(name)
    this.#watch.close()
    this.#slots?.close()
    this.#slots = undefined
    this.#owners.close()
    this.#announced = false
  }

  /** Whether a line was enough: nobody else is there to look for a link. */
  #takeAlone(name: string): boolean {
    if (!this.#slots || !this.#isAlone || !this.#slots.take(name)) {
      this.#isAlone = this.#owners.isAlone()
      return false
    }
    this.#isAlone = this.#owners.isAlone()
    return this.#isAlone
  }

  #takeAmongOthers(name: string, note: string): Holder | undefined {
    // The dead keep nobody from being alone.
    if (this.#slots && this.#now() - this.#swept > SWEEP_MS) this.#sweep()
    const holder = this.#link(name, note)
    if (holder) return holder
    this.#linked.add(name)
    const inSlots = this.#isBrief ? this.#holderInSlots(name) : undefined
    if (inSlots) {
      this.#linked.delete(name)
      unlinkSync(this.#path(name))
    }
    return inSlots
  }

  #link(name: string, note: string): Holder | undefined {
    const path = this.#path(name)
    for (let isTold = false; ; ) {
      try {
        symlinkSync(`${this.#owners.me.nonce} ${note}`, path)
        return undefined
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOENT' && !isTold) {
          // The folder was removed by hand.
          this.#announce()
          isTold = true
          continue
        }
        if (code !== 'EEXIST') throw error
      }
      const target = targetOf(path)
      if (target === undefined) continue
      // An answer of a network file system can get lost after the link was made.
      if (this.#isMine(target)) return undefined
      const { holder, isGone } = this.#judge(name, target)
      if (!isGone) return holder
      takeAway(path, target)
    }
  }

  #announce(): void {
    this.#owners.announce()
    this.#announced = true
    this.#sweep()
    if (!this.#isBrief || this.#slots || !isLocalFolder(this.#folder)) return
    this.#slots = new ClaimSlots(this.#path(this.#owners.me.nonce + SLOTS))
    this.#isAlone = this.#owners.isAlone()
  }

  // Claims go before their owner does: a claim without an owner is left alone for a while.
  #sweep(): void {
    this.#swept = this.#now()
    const abandoned = new Set(this.#owners.abandoned())
    if (abandoned.size === 0) return
    for (const name of readdirSync(this.#folder)) {
      const target = name === OWNERS || name.endsWith(SLOTS) ? undefined : targetOf(this.#path(name))
      if (target !== undefined && abandoned.has(nonceOf(target))) takeAway(this.#path(name), target)
    }
    for (const nonce of abandoned) {
      rmSync(this.#path(nonce + SLOTS), { force: true })
      this.#owners.forget(nonce)
    }
  }

  #holderInSlots(name: string): Holder | undefined {
    for (const nonce of this.#owners.others()) {
      if (!isInSlots(this.#path(nonce + SLOTS), name)) continue
      const { owner, isGone } = this.#owners.judge(nonce, name)
      if (!isGone) return { owner, note: '', isSelf: false }
    }
    return undefined
  }

  #judge(name: string, target: string): { holder: Holder; isGone: boolean } {
    const nonce = nonceOf(target)
    const { owner, isGone } = this.#owners.judge(nonce, name)
    return { holder: { owner, note: target.slice(nonce.length + 1), isSelf: false }, isGone }
  }

  #isFree(name: string): boolean {
    if (this.#held.has(name)) return false
    try {
      const target = targetOf(this.#path(name))
      if (target !== undefined && !this.#judge(name, target).isGone) return false
      return !this.#isBrief || this.#holderInSlots(name) === undefined
    } catch {
      // What can't be looked at can't be waited for either; `take` goes on without it.
      return true
    }
  }

  #isMine(target: string | undefined): boolean {
    return target !== undefined && nonceOf(target) === this.#owners.me.nonce
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}

function nonceOf(target: string): string {
  return target.split(' ', 1)[0] ?? ''
}

/** Where a link points to; empty if something else is there, undefined if nothing is. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return ''
    throw error
  }
}

// Two processes may find the same dead owner: whoever moves away a successor's claim by mistake puts it back.
function takeAway(path: string, expected: string): void {
  const aside = `${path}.${freshNonce()}`
  try {
    renameSync(path, aside)
    const moved = targetOf(aside)
    if (moved !== undefined && moved !== expected) symlinkSync(moved, path)
  } catch (error) {
    if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}
