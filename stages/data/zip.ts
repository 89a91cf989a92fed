import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'
import { StageError } from '../define.ts'
import { unpacked, unreadable } from './bytes.ts'
import { filesOfPart, type PartName, withinFolder } from './layout.ts'

/** Text hardly ever shrinks to less; what claims to is made to fill disks and time. */
const MAX_RATIO = 200
const MAX_NAMES_BYTES = 64 * 1024 * 1024

const END_RECORD = 0x06054b50
const END_RECORD_64 = 0x06064b50
const DIRECTORY_ENTRY = 0x02014b50
const S_IFMT = 0o170000
const S_IFLNK = 0o120000

/**
 * Bytes of a file inside a zip archive, streamed from where they lie: nothing is unpacked onto the disk, so no name in an
 * archive leads anywhere. Links, encrypted members, and members that grow beyond all measure are a StageError.
 */
export async function* openMember(archive: string, member: string, shown: string): AsyncGenerator<Buffer> {
  const yauzl = await import('yauzl')
  let zip: ZipFile
  try {
    zip = await yauzl.default.openPromise(archive, { lazyEntries: true, strictFileNames: true, autoClose: false })
  } catch (error) {
    throw broken(error, archive)
  }
  try {
    const entry = await find(zip, member, archive)
    if (((entry.externalFileAttributes >>> 16) & S_IFMT) === S_IFLNK)
      throw new StageError('the member is a link', { where: shown, advice: 'Pack the file itself.' })
    if (entry.uncompressedSize > entry.compressedSize * MAX_RATIO + 4096)
      throw new StageError(
        `the member claims to unpack to ${entry.uncompressedSize} bytes from ${entry.compressedSize}`,
        { where: shown, advice: 'No text is packed that well; the archive is not read.' },
      )
    if (entry.isEncrypted())
      throw new StageError('the member is encrypted', { where: shown, advice: 'Unpack the archive yourself.' })
    const bytes = checked(await zip.openReadStreamPromise(entry), entry, shown)
    yield* unpacked(Readable.from(bytes), shown, member)
  } catch (error) {
    throw broken(error, archive)
  } finally {
    zip.close()
  }
}

// The library checks sizes, not content.
async function* checked(bytes: AsyncIterable<Buffer>, entry: Entry, shown: string): AsyncGenerator<Buffer> {
  let sum = 0
  for await (const chunk of bytes) {
    sum = crc32(chunk, sum)
    yield chunk
  }
  if (sum !== entry.crc32)
    throw new StageError('the member is damaged: its checksum is another one', {
      where: shown,
      advice: 'Get the archive again.',
    })
}

async function find(zip: ZipFile, member: string, archive: string): Promise<Entry> {
  for await (const entry of zip.eachEntry()) if (entry.fileName === member) return entry
  throw new StageError(`the archive has no ${member}`, { where: archive, advice: 'Is it the archive that was meant?' })
}

function broken(error: unknown, archive: string): unknown {
  const told = unreadable(error, archive)
  if (told instanceof StageError || !(told instanceof Error)) return told
  return new StageError(`not a zip archive that can be read: ${told.message}`, { where: archive, cause: error })
}

/** The name of the member that is a part of the collection in an archive; if there is none, a StageError. */
export function memberOf(archive: string, part: PartName, within: string | undefined): string {
  let all: string[] | undefined
  try {
    all = memberNames(archive)
  } catch (error) {
    throw unreadable(error, archive)
  }
  if (!all) throw new StageError('not a zip archive', { where: archive, advice: 'Download it again, or unpack it.' })
  const { folder, names } = withinFolder(all, within)
  const [file, second] = filesOfPart(names, part)
  if (file === undefined || second !== undefined)
    throw new StageError(
      file === undefined ? `the archive has no ${part}` : `the archive has ${part} in several files`,
      {
        where: archive,
        advice: `It holds ${all.slice(0, 8).join(', ') || 'nothing'}.`,
      },
    )
  return folder + file
}

/**
 * Names of the members of an archive, without opening any. Only for looking what is there: what an archive claims here
 * is checked when a member is read. Undefined if it is no zip archive, or one with too many names.
 */
export function memberNames(archive: string): string[] | undefined {
  const fd = openSync(archive, 'r')
  try {
    const { size } = statSync(archive)
    const read = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(fd, bytes, 0, length, at))
    }
    const tail = read(Math.max(0, size - 65_557), Math.min(size, 65_557))
    let at = tail.length - 22
    while (at >= 0 && tail.readUInt32LE(at) !== END_RECORD) at--
    if (at < 0) return undefined
    let length = tail.readUInt32LE(at + 12)
    let start = tail.readUInt32LE(at + 16)
    if (start === 0xffffffff || length === 0xffffffff) {
      if (at < 20) return undefined
      const far = read(Number(tail.readBigUInt64LE(at - 12)), 56)
      if (far.length < 56 || far.readUInt32LE(0) !== END_RECORD_64) return undefined
      length = Number(far.readBigUInt64LE(40))
      start = Number(far.readBigUInt64LE(48))
    }
    if (length > MAX_NAMES_BYTES) return undefined
    const directory = read(start, length)
    const names: string[] = []
    for (let entry = 0; entry + 46 <= directory.length && directory.readUInt32LE(entry) === DIRECTORY_ENTRY; ) {
      const name = directory.readUInt16LE(entry + 28)
      names.push(directory.toString('utf8', entry + 46, entry + 46 + name))
      entry += 46 + name + directory.readUInt16LE(entry + 30) + directory.readUInt16LE(entry + 32)
    }
    return names
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  } finally {
    closeSync(fd)
  }
}
