import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** How much of a large source its reader looks at. */
export const HEAD_BYTES = 4096

const MEBIBYTE = 1 << 20

/**
 * The files that a graph reads, made once for all peers. Each peer has them in its own folder under a second name (a
 * hard link), so that a change is the same change for all of them, and 2 GiB are on the disk once.
 */
export class Sources {
  readonly #folder: string
  #changes = 0

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
  }

  writeText(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text)
  }

  append(name: string, text: string): void {
    appendFileSync(join(this.#folder, name), text)
  }

  writeLarge(name: string, mebibytes: number): void {
    const piece = Buffer.alloc(MEBIBYTE)
    const fd = openSync(join(this.#folder, name), 'w')
    try {
      for (let at = 0; at < mebibytes; at++) {
        // No piece is like another: nothing is saved by a file system that shares or compresses.
        for (let word = 0; word < MEBIBYTE; word += 4)
          piece.writeUInt32LE(Math.imul(at + word + 1, 2654435761) >>> 0, word)
        writeSync(fd, piece)
      }
    } finally {
      closeSync(fd)
    }
  }

  writeFolder(name: string, count: number): void {
    mkdirSync(join(this.#folder, name))
    for (let at = 0; at < count; at++) {
      this.writeText(join(name, `${String(at).padStart(6, '0')}.txt`), `file ${at}\n${'some text\n'.repeat(at % 20)}`)
    }
  }

  touch(name: string): void {
    const now = new Date()
    utimesSync(join(this.#folder, name), now, now)
  }

  /** Another byte at the same place, in the middle; the size stays. */
  changeByte(name: string): void {
    const path = join(this.#folder, name)
    const fd = openSync(path, 'r+')
    try {
      writeSync(fd, Buffer.of(++this.#changes % 256), 0, 1, Math.floor(statSync(path).size / 2))
    } finally {
      closeSync(fd)
    }
  }

  /** Another text in the file in the middle of a folder, in place. */
  changeMember(name: string): void {
    const names = readdirSync(join(this.#folder, name)).sort()
    this.writeText(join(name, names[Math.floor(names.length / 2)] as string), `change ${++this.#changes}\n`)
  }

  /** The bytes that a reader sees: of a folder the files in a row, of a large file the beginning. */
  read(name: string): Buffer {
    const path = join(this.#folder, name)
    const stat = statSync(path)
    if (stat.isDirectory()) return Buffer.concat(this.members(name).map((member) => readFileSync(join(path, member))))
    if (stat.size < MEBIBYTE) return readFileSync(path)
    const fd = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(HEAD_BYTES)
      return bytes.subarray(0, readSync(fd, bytes, 0, HEAD_BYTES, 0))
    } finally {
      closeSync(fd)
    }
  }

  /** The files of a folder, sorted; none for a file. */
  members(name: string): string[] {
    const path = join(this.#folder, name)
    return statSync(path).isDirectory() ? readdirSync(path).sort() : []
  }

  /** Gives a source a second name; of a folder, every file. */
  link(name: string, target: string): void {
    const path = join(this.#folder, name)
    mkdirSync(dirname(target), { recursive: true })
    if (!statSync(path).isDirectory()) linkSync(path, target)
    else {
      mkdirSync(target)
      for (const member of this.members(name)) linkSync(join(path, member), join(target, member))
    }
  }
}
