import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { FolderNames } from './folder-names.ts'
import { newOwner, type OwnerRecord, parseOwner, vitality } from './owner.ts'

/** What dead processes left: lines as they were noted, and what forgets them. */
export interface EarlyLines {
  lines: readonly string[]
  /** Call when all of it is on the disk in its proper place. */
  forget(): void
}

/**
 * Lines from the moment in which they are given until the disk has them elsewhere: one file a process. What stands here
 * outlives its process, but is believed only until the machine is started anew, since nothing of it was synced.
 */
export class EarlyResults {
  readonly #folder: string
  readonly #owner: OwnerRecord = newOwner()
  readonly #path: string
  readonly #names: FolderNames
  #fd: number | undefined
  #start = 0
  #kept: boolean = false

  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, `${this.#owner.nonce}.log`)
    this.#names = new FolderNames(folder, '.log')
  }

  /** Notes a line. A disk that refuses costs nothing but the promise: the commit tells of it. */
  note(line: string): void {
    if (this.#owner.boot === '') return
    try {
      this.#fd ??= this.#open()
      writeSync(this.#fd, framed(line))
    } catch {
      // The line is only lost if this process dies before it is committed.
    }
  }

  /** Call when everything noted so far is on the disk in its proper place. */
  committed(): void {
    if (this.#fd !== undefined && !this.#kept) ftruncateSync(this.#fd, this.#start)
  }

  /** Call when something noted could not be committed: the file stays for another process. */
  keep(): void {
    this.#kept = true
  }

  /** What processes of this boot noted and did not commit, those that still live included. */
  read(): string[] {
    return this.#others().flatMap(({ lines }) => lines)
  }

  /** The same of those that are dead; the files of earlier boots are removed. */
  left(): EarlyLines {
    const left = this.#others().filter(({ owner }) => vitality(owner) === 'dead')
    return {
      lines: left.flatMap(({ lines }) => lines),
      forget: () => {
        for (const { path } of left) rmSync(path, { force: true })
      },
    }
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
    if (!this.#kept) rmSync(this.#path, { force: true })
  }

  #open(): number {
    mkdirSync(this.#folder, { recursive: true })
    const fd = openSync(this.#path, 'ax')
    this.#start = writeSync(fd, framed(JSON.stringify(this.#owner)))
    return fd
  }

  #files(): readonly string[] {
    try {
      return this.#names.list()
    } catch {
      return []
    }
  }

  #others(): { path: string; owner: OwnerRecord; lines: string[] }[] {
    if (this.#owner.boot === '') return []
    return this.#files().flatMap((name) => {
      const path = join(this.#folder, name)
      if (path === this.#path) return []
      const [first, ...lines] = linesOf(path)
      const owner = parseOwner(first ?? '')
      if (owner?.boot === this.#owner.boot) return [{ path, owner, lines }]
      // Of another boot of this machine nothing can be believed; of another machine, nothing is ours to remove.
      if (owner && vitality(owner) === 'dead') rmSync(path, { force: true })
      return []
    })
  }
}

function framed(line: string): string {
  return `${crc32(line).toString(16).padStart(8, '0')} ${line}\n`
}

/** The whole lines of a file; what fails its checksum is left out. */
function linesOf(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => (framed(line.slice(9)) === `${line}\n` ? [line.slice(9)] : []))
}
