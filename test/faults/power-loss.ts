import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { SeededRandom } from '../../engine/util/seeded-random.ts'
import { unreachable } from '../../engine/util/unreachable.ts'

/**
 * One change below the recorded folder, as `fixtures/fs-hook.mjs` writes it down. Files are known by a number that
 * renames don't change.
 */
export type FsChange =
  | { op: 'create'; path: string; id: number }
  | { op: 'mkdir' | 'unlink'; path: string }
  | { op: 'rename' | 'link'; from: string; path: string }
  | { op: 'symlink'; path: string; target: string }
  | { op: 'write'; id: number; at: number; data: string }
  | { op: 'truncate'; id: number; size: number }
  /** What a stat of the file said after its last change; `name` is device and inode. */
  | { op: 'stat'; id: number; name: string; stamp: string }
  | { op: 'sync-begins'; number: number; id?: number; folder?: string }
  | { op: 'sync-ends'; number: number }
  | { op: 'acknowledged'; what: string }

/** Reads a recorded log. */
export function readChanges(path: string): FsChange[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FsChange)
}

/** How a file's bytes that were not synced come out of a power loss. */
const FATES = ['dropped', 'kept', 'torn', 'zeros'] as const

type Entry = { file: number } | { folder: number } | { target: string }
type Names = Map<string, Entry>

/** A change of names: what it does to the folders (by number) that it touches. */
interface NameChange {
  folders: readonly number[]
  apply(folders: Map<number, Names>): void
}

type DataChange = Extract<FsChange, { op: 'write' | 'truncate' }>

const ROOT = 0

/**
 * What a disk may hold after a power loss at one point of a recorded log, by the rules that programs may rely on and no
 * others: a sync that has ended put on the disk the bytes that the file had, or the names that the folder had, when it
 * began. Everything else is up to the disk: bytes are there, not there, there up to some byte, or replaced by zeros up
 * to the size that the file had; changes of names may be lost, but in each folder no later one survives an earlier one,
 * and a rename or link happens whole or not at all. A synced file whose name was not synced may be gone.
 */
export class DiskModel {
  readonly #live = new Map<number, Names>([[ROOT, new Map()]])
  readonly #names: NameChange[] = []
  readonly #data = new Map<number, DataChange[]>()
  readonly #syncedNames = new Set<number>()
  /** By file, how many of its changes are on the disk. */
  readonly #syncedData = new Map<number, number>()
  readonly #syncs = new Map<number, () => void>()
  readonly #stamps = new Map<number, { name: string; stamp: string }>()
  #folders = 0

  /** Takes in the next change of the log. */
  apply(change: FsChange): void {
    switch (change.op) {
      case 'create':
        this.#data.set(change.id, [])
        this.#put(change.path, { file: change.id })
        return
      case 'mkdir':
        this.#live.set(++this.#folders, new Map())
        this.#put(change.path, { folder: this.#folders })
        return
      case 'symlink':
        this.#put(change.path, { target: change.target })
        return
      case 'unlink':
        this.#remove(change.path)
        return
      case 'link': {
        const entry = this.#entry(change.from)
        if (entry) this.#put(change.path, entry)
        return
      }
      case 'rename':
        this.#rename(change.from, change.path)
        return
      case 'write':
      case 'truncate':
        this.#data.get(change.id)?.push(change)
        return
      case 'stat':
        this.#stamps.set(change.id, change)
        return
      case 'sync-begins':
        this.#syncs.set(change.number, this.#promise(change))
        return
      case 'sync-ends':
        this.#syncs.get(change.number)?.()
        return
      case 'acknowledged':
        return
      default:
        unreachable(change)
    }
  }

  /** Writes one state that the disk may be in into a new folder. Memories of stats that still fit are made to fit again. */
  materialize(target: string, random: SeededRandom): void {
    const folders = this.#survivingNames(random)
    const fate = FATES[random.below(FATES.length)]!
    const placed = new Map<number, string>()
    const visit = (folder: number, path: string): void => {
      mkdirSync(path, { recursive: true })
      for (const [name, entry] of folders.get(folder) ?? []) {
        const place = join(path, name)
        if ('folder' in entry) visit(entry.folder, place)
        else if ('target' in entry) symlinkSync(entry.target, place)
        else {
          // Most files share a fate, as on a disk that wrote nothing, or everything, for a while.
          const own = random.below(3) === 0 || name === 'stat-memo.log' ? FATES[random.below(FATES.length)]! : fate
          writeFileSync(place, this.#surviving(entry.file, own, random))
          placed.set(entry.file, place)
        }
      }
    }
    visit(ROOT, target)
    this.#renewMemories(target, placed)
  }

  #survivingNames(random: SeededRandom): Map<number, Names> {
    const chosen = new Set<number>()
    const generosity = random.below(4)
    // In a folder everything before a change that survives survives too: known from the back.
    const through = new Set<number>()
    for (let at = this.#names.length - 1; at >= 0; at--) {
      const { folders } = this.#names[at]!
      const free = generosity === 3 || (generosity > 0 && random.below(20 * generosity) === 0)
      if (!this.#syncedNames.has(at) && !free && !folders.some((folder) => through.has(folder))) continue
      chosen.add(at)
      for (const folder of folders) through.add(folder)
    }
    const folders = new Map<number, Names>()
    for (const at of [...chosen].sort((a, b) => a - b)) this.#names[at]!.apply(folders)
    return folders
  }

  #surviving(file: number, fate: (typeof FATES)[number], random: SeededRandom): Buffer {
    const changes = this.#data.get(file) ?? []
    const synced = this.#syncedData.get(file) ?? 0
    const sure = contentAfter(changes.slice(0, synced))
    const rest = changes.slice(synced)
    if (rest.length === 0) return sure
    switch (fate) {
      case 'dropped':
        return sure
      case 'kept':
        return contentAfter(changes)
      case 'zeros': {
        const whole = contentAfter(changes)
        return Buffer.concat([sure.subarray(0, whole.length), Buffer.alloc(Math.max(0, whole.length - sure.length))])
      }
      case 'torn': {
        const count = random.below(rest.length)
        const last = rest[count]!
        const before = contentAfter(changes.slice(0, synced + count))
        if (last.op === 'truncate') return before
        const bytes = Buffer.from(last.data, 'base64')
        const torn = bytes.subarray(0, random.below(bytes.length + 1)).toString('base64')
        return contentAfter([...changes.slice(0, synced + count), { ...last, data: torn }])
      }
    }
  }

  // In the new folder every file has another inode. A memory that would be believed on the disk must be believed here.
  #renewMemories(target: string, placed: ReadonlyMap<number, string>): void {
    const path = join(target, '.queryloom/stat-memo.log')
    const byOldName = new Map<string, { place: string; stamp: string }>()
    for (const [file, place] of placed) {
      const old = this.#stamps.get(file)
      if (old) byOldName.set(`${old.name} ${old.stamp}`, { place, stamp: old.stamp })
    }
    let text: string
    try {
      text = readFileSync(path, 'latin1')
    } catch {
      return
    }
    const renewed = text.replace(/^[0-9a-f]{8} (\d+:\d+) (\d+:\d+:\d+)( .*)$/gm, (line, name, stamp, rest) => {
      const now = byOldName.get(`${name} ${stamp}`)
      const stat = now && statSync(now.place, { bigint: true })
      if (!now || !stat || !now.stamp.startsWith(`${stat.size}:`)) return line
      const body = `${stat.dev}:${stat.ino} ${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}${rest}`
      return `${crc32(body).toString(16).padStart(8, '0')} ${body}`
    })
    writeFileSync(path, renewed, { flag: 'r+' })
  }

  #promise({ id, folder }: { id?: number; folder?: string }): () => void {
    if (folder !== undefined) {
      const number = this.#folderAt(folder)
      const until = this.#names.length
      return () => {
        for (let at = 0; at < until; at++) {
          if (number !== undefined && this.#names[at]!.folders.includes(number)) this.#syncedNames.add(at)
        }
      }
    }
    const count = this.#data.get(id ?? -1)?.length ?? 0
    return () => {
      if (id !== undefined) this.#syncedData.set(id, Math.max(count, this.#syncedData.get(id) ?? 0))
    }
  }

  #put(path: string, entry: Entry): void {
    const { folder, name } = this.#place(path)
    this.#change([folder], (folders) => void namesIn(folders, folder).set(name, entry))
  }

  #remove(path: string): void {
    const { folder, name } = this.#place(path)
    this.#change([folder], (folders) => void namesIn(folders, folder).delete(name))
  }

  #rename(from: string, to: string): void {
    const entry = this.#entry(from)
    if (!entry) return
    const [old, fresh] = [this.#place(from), this.#place(to)]
    this.#change([...new Set([old.folder, fresh.folder])], (folders) => {
      namesIn(folders, old.folder).delete(old.name)
      namesIn(folders, fresh.folder).set(fresh.name, entry)
    })
  }

  #change(folders: readonly number[], apply: NameChange['apply']): void {
    apply(this.#live)
    this.#names.push({ folders, apply })
  }

  #entry(path: string): Entry | undefined {
    const { folder, name } = this.#place(path)
    return this.#live.get(folder)?.get(name)
  }

  #place(path: string): { folder: number; name: string } {
    const at = path.lastIndexOf('/')
    const folder = this.#folderAt(at < 0 ? '' : path.slice(0, at))
    if (folder === undefined) throw new Error(`the log changes ${path} in a folder that it never made`)
    return { folder, name: path.slice(at + 1) }
  }

  #folderAt(path: string): number | undefined {
    let folder: number | undefined = ROOT
    for (const name of path === '' ? [] : path.split('/')) {
      const entry: Entry | undefined = this.#live.get(folder)?.get(name)
      if (!entry || !('folder' in entry)) return undefined
      folder = entry.folder
    }
    return folder
  }
}

function namesIn(folders: Map<number, Names>, folder: number): Names {
  const names = folders.get(folder) ?? new Map<string, Entry>()
  folders.set(folder, names)
  return names
}

function contentAfter(changes: readonly DataChange[]): Buffer {
  let content = Buffer.alloc(0)
  for (const change of changes) {
    if (change.op === 'truncate') {
      content = Buffer.concat([content, Buffer.alloc(Math.max(0, change.size - content.length))]).subarray(
        0,
        change.size,
      )
      continue
    }
    const bytes = Buffer.from(change.data, 'base64')
    const size = Math.max(content.length, change.at + bytes.length)
    const grown = Buffer.alloc(size)
    content.copy(grown)
    bytes.copy(grown, change.at)
    content = grown
  }
  return content
}
