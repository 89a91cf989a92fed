import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FolderNames } from './folder-names.ts'
import { newOwner, type OwnerRecord, parseOwner, vitality } from './owner.ts'
import { isMissing } from './store-error.ts'

/** An owner of another host or pid namespace that gave no sign of life for so long counts as gone. */
const SILENT_MS = 180_000
/** So does nobody: a nonce that no owner has. */
const NOBODY_MS = 10_000
const BEAT_MS = 15_000
const ABANDONED_MS = 24 * 3600_000
const ENDING = '.json'

/**
 * The owners of claims in one folder: a file each, named by its nonce, whose time is the owner's last sign of life.
 * This process has one, written when it first announces itself.
 */
export class ClaimOwners {
  readonly me: OwnerRecord = newOwner()
  readonly #folder: string
  readonly #now: () => number
  /** Since when owners of whom nothing can be proved look as they do. */
  readonly #signs = new Map<string, { sign: string; since: number }>()
  readonly #names: FolderNames
  #beat: NodeJS.Timeout | undefined

  constructor(folder: string, now: () => number) {
    this.#folder = folder
    this.#now = now
    this.#names = new FolderNames(folder, ENDING)
  }

  /** Whether this process, which has announced itself, is the only one. */
  isAlone(): boolean {
    const names = this.#names.list()
    return names.length === 1 && names[0] === this.me.nonce + ENDING
  }

  /** From when on nobody came or went, up to the last look; infinite as long as that can't be told. */
  get unchangedSince(): number {
    return this.#names.unchangedSince
  }

  /** Nonces of the other owners, dead ones among them. */
  others(): string[] {
    return this.#names
      .list()
      .map((name) => name.slice(0, -ENDING.length))
      .filter((nonce) => nonce !== this.me.nonce)
  }

  /** Makes this process known, and keeps it so; does nothing if it is. */
  announce(): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#sayAlive()
    this.#beat ??= setInterval(() => this.#sayAlive(), BEAT_MS).unref()
  }

  /**
   * The owner of a nonce, and whether it is gone: at once if it is dead for sure, after long silence if nothing can be
   * proved. `claim` tells claims apart that have no owner.
   */
  judge(nonce: string, claim: string): { owner: OwnerRecord | undefined; isGone: boolean } {
    const { owner, sign } = this.#read(nonce)
    const state = owner ? vitality(owner) : 'unknown'
    if (state !== 'unknown') return { owner, isGone: state === 'dead' }
    const who = owner ? nonce : claim
    const now = this.#now()
    const seen = this.#signs.get(who)
    // Signs of life are compared with each other and never with a clock, which another host may have set otherwise.
    if (seen?.sign === sign) return { owner, isGone: now - seen.since >= (owner ? SILENT_MS : NOBODY_MS) }
    this.#signs.set(who, { sign, since: now })
    return { owner, isGone: false }
  }

  /** Nonces of dead owners, and of those that nobody can judge and that were silent for a day. */
  abandoned(): string[] {
    return readdirSync(this.#folder).flatMap((name) => {
      const nonce = name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : name
      const { owner, time } = this.#read(nonce)
      const state = owner ? vitality(owner) : 'unknown'
      const isSilent = Date.now() - time > ABANDONED_MS
      return state === 'dead' || (state === 'unknown' && isSilent) ? [nonce] : []
    })
  }

  /** Forgets an owner that has no claims any more. */
  forget(nonce: string): void {
    rmSync(this.#path(nonce), { force: true })
  }

  /** This process has no claims any more, and gives no more signs of life. */
  close(): void {
    if (this.#beat === undefined) return
    clearInterval(this.#beat)
    this.#beat = undefined
    try {
      this.forget(this.me.nonce)
    } catch {
      // The next process that looks finds it dead.
    }
  }

  #read(nonce: string): { owner: OwnerRecord | undefined; sign: string; time: number } {
    const nobody = { owner: undefined, sign: nonce, time: Number.POSITIVE_INFINITY }
    if (!/^[0-9a-f]+$/.test(nonce)) return nobody
    try {
      const { mtimeNs, mtimeMs } = statSync(this.#path(nonce), { bigint: true })
      const owner = parseOwner(readFileSync(this.#path(nonce), 'utf8'))
      return { owner, sign: `${nonce} ${mtimeNs}`, time: Number(mtimeMs) }
    } catch (error) {
      if (isMissing(error)) return nobody
      throw error
    }
  }

  // The file may have been removed by hand.
  #sayAlive(): void {
    const path = this.#path(this.me.nonce)
    try {
      utimesSync(path, new Date(), new Date())
    } catch {
      try {
        writeFileSync(path, JSON.stringify(this.me))
      } catch {
        // Whoever can't be found counts as nobody, and is overtaken.
      }
    }
  }

  #path(nonce: string): string {
    return join(this.#folder, nonce + ENDING)
  }
}
