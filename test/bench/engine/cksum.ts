const POLYNOMIAL = 0x04c11db7

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ POLYNOMIAL : crc << 1
  return crc
})

/** What `cksum` of POSIX prints for bytes on its standard input: their checksum, a space, their number. */
export function cksum(bytes: Buffer): string {
  let crc = 0
  const take = (byte: number): void => {
    crc = (crc << 8) ^ (TABLE[((crc >>> 24) ^ byte) & 0xff] as number)
  }
  for (const byte of bytes) take(byte)
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) take(length & 0xff)
  return `${~crc >>> 0} ${bytes.length}`
}
