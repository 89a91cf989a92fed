import { closeSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { isMissing } from './store-error.ts'

/** Bytes of a slot: a name, spaces, the end of the line. */
const SLOT = 80
/** A slot whose claim was given back is emptied so late, if no other claim has taken it before. */
const EMPTIED_AFTER_MS = 20
/** ext, xfs, btrfs, tmpfs, overlayfs, f2fs, zfs, bcachefs; of macOS HFS+ and APFS. */
const LOCAL: { readonly [platform: string]: readonly number[] } = {
  linux: [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e],
  darwin: [0x11, 0x1a],
}

/**
 * The claims of one process in a file that only it writes, a slot each: one small write makes a claim, and as a rule none
 * is needed to give it back, since the next claim takes its slot. Not exclusive by itself.
 */
export class ClaimSlots {
  readonly #path: string
  #fd: number | undefined
  readonly #slots = new Map<string, number>()
  /** Slots that still name a claim which was given back. */
  #stale: number[] = []
  readonly #empty: number[] = []
  readonly #line: Buffer = Buffer.alloc(SLOT)
  #emptying: NodeJS.Timeout | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Writes a claim down; false if the name does not fit. */
  take(name: string): boolean {
    if (name.length >= SLOT - 1) return false
    this.#fd ??= openSync(this.#path, 'wx')
    const slot = this.#stale.pop() ?? this.#empty.pop() ?? this.#slots.size
    this.#write(slot, name)
    this.#slots.set(name, slot)
    return true
  }

  release(name: string): void {
    const slot = this.#slots.get(name)
    if (slot === undefined) return
    this.#slots.delete(name)
    this.#stale.push(slot)
    this.#emptying ??= setTimeout(() => this.#emptyStale(), EMPTIED_AFTER_MS).unref()
  }

  close(): void {
    clearTimeout(this.#emptying)
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#path, { force: true })
  }

  #emptyStale(): void {
    this.#emptying = undefined
    try {
      for (const slot of this.#stale) this.#write(slot, '')
      this.#empty.push(...this.#stale)
      this.#stale = []
    } catch {
      // Others wait for what nobody is at, until this process has ended.
    }
  }

  #write(slot: number, name: string): void {
    this.#line.fill(' ')
    this.#line.write(`${name} `, 'latin1')
    this.#line[SLOT - 1] = 10
    writeSync(this.#fd as number, this.#line, 0, SLOT, slot * SLOT)
  }
}

/** Whether the slots at this path, which are another process's, name a claim. */
export function isInSlots(path: string, name: string): boolean {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
  const wanted = `${name} `
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) if (at % SLOT === 0) return true
  return false
}

/** Whether what one process of this machine writes in a folder, all others see at once: no network file system. */
export function isLocalFolder(folder: string): boolean {
  return LOCAL[process.platform]?.includes(statfsSync(folder).type) ?? false
}
