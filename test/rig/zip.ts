import { crc32, deflateRawSync } from 'node:zlib'

/** One member of an archive that is made by hand, so that it can lie. */
interface Member {
  name: string
  content: string | Buffer
  /** Mode bits of a file system, e.g. of a link. */
  mode?: number
  /** What the archive claims instead of the truth. */
  claims?: { size?: number; crc?: number; encrypted?: boolean }
}

/** A zip archive of these members, packed by deflate. */
export function zipOf(members: readonly (Member | [name: string, content: string | Buffer])[]): Buffer {
  const pieces: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const member of members) {
    const {
      name,
      content,
      mode = 0o100644,
      claims = {},
    } = Array.isArray(member) ? ({ name: member[0], content: member[1] } as Member) : (member as Member)
    const bytes = Buffer.from(content)
    const packed = deflateRawSync(bytes)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(claims.encrypted ? 0x801 : 0x800, 2)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(claims.crc ?? crc32(bytes), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(claims.size ?? bytes.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([mark(0x04034b50), fields, Buffer.from(name), packed])
    const entry = Buffer.alloc(14)
    entry.writeUInt32LE((mode << 16) >>> 0, 6)
    entry.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([mark(0x02014b50), Buffer.from([20, 3]), fields, entry, Buffer.from(name)]))
    pieces.push(local)
    offset += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(members.length, 4)
  end.writeUInt16LE(members.length, 6)
  end.writeUInt32LE(list.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...pieces, list, mark(0x06054b50), end])
}

function mark(signature: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(signature)
  return bytes
}
