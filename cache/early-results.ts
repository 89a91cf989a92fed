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

/** A file of lines of this process. */
interface EarlyFile {
  path: string
  fd: number
  /** Where its lines begin. */
  start: number
}

/**
 * Lines from the moment in which they are given until the disk has them elsewhere: two files a process, of which one
 * takes what comes while the lines of the other are committed, so that neither grows with the run. What stands here
 * outlives its process, but is believed only until the machine is started anew, since nothing of it was synced.
 */
export class EarlyResults {
  readonly #folder: string
  readonly #owner: OwnerRecord = newOwner()
  readonly #names: FolderNames
  /** The one that is written to comes first. */
  #files: [EarlyFile | undefined, EarlyFile | undefined] = [undefined, undefined]
  #kept: boolean = false

  constructor(folder: string) {
    this.#folder = folder
    this.#names = new FolderNames(folder, '.log')
  }

  /** Notes a line. A disk that refuses costs nothing but the promise: the commit tells of it. */
  note(line: string): void {
    if (this.#owner.boot === '') return
    try {
      this.#files[0] ??= this.#open()
      writeSync(this.#files[0].fd, framed(line))
    } catch {
      // The line is only lost if this process dies before it is committed.
    }
  }

  /** Call when a commit of everything noted so far begins; the one before must have ended. */
  committing(): void {
    this.#files.reverse()
  }

  /** Call when everything noted before `committing` is on the disk in its proper place. */
  committed(): void {
    const [, file] = this.#files
    if (!file || this.#kept) return
    try {
      ftruncateSync(file.fd, file.start)
    } catch {
      // Whoever reads it finds all of it in its proper place, too.
    }
  }

  /** Call when something noted could not be committed: the files stay for another process. */
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
    for (const file of this.#files) {
      if (!file) continue
      closeSync(file.fd)
      if (!this.#kept) rmSync(file.path, { force: true })
    }
    this.#files = [undefined, undefined]
  }

  #open(): EarlyFile {
    mkdirSync(this.#folder, { recursive: true })
    const path = join(this.#folder, `${this.#owner.nonce}${this.#files[1] ? '-more' : ''}.log`)
    const fd = openSync(path, 'ax')
    return { path, fd, start: writeSync(fd, framed(JSON.stringify(this.#owner))) }
  }

  #list(): readonly string[] {
    try {
      return this.#names.list()
    } catch {
      return []
    }
  }

  #others(): { path: string; owner: OwnerRecord; lines: string[] }[] {
    if (this.#owner.boot === '') return []
    return this.#list().flatMap((name) => {
      const path = join(this.#folder, name)
      if (name.startsWith(this.#owner.nonce)) return []
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
