/** One field of a protobuf message. */
export interface Field {
  number: number
  /** Of a varint; 0 otherwise. */
  integer: number
  /** What a field of bytes or of a fixed width holds; empty for a varint. */
  bytes: Uint8Array
  /** The whole field as it stands in the message. */
  raw: Uint8Array
}

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5

/** The fields of a message in their order; nothing is copied. What is no message is an error. */
export function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): bigint => {
    const { value, end } = varintAt(message, at)
    at = end
    return value
  }
  while (at < message.length) {
    const start = at
    const tag = Number(varint())
    const [number, type] = [Math.floor(tag / 8), tag % 8]
    let integer = 0
    let bytes = message.subarray(at, at)
    if (type === VARINT) integer = Number(varint())
    else {
      const length = type === BYTES ? Number(varint()) : type === FIXED_64 ? 8 : type === FIXED_32 ? 4 : -1
      if (length < 0 || at + length > message.length)
        throw new Error(`no protobuf message: field ${number} is cut off or of no known type`)
      bytes = message.subarray(at, at + length)
      at += length
    }
    fields.push({ number, integer, bytes, raw: message.subarray(start, at) })
  }
  return fields
}

/** Numbers that are packed into the bytes of one field. */
export function packedIntegers(bytes: Uint8Array): number[] {
  const integers: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = varintAt(bytes, at)
    integers.push(Number(value))
    at = end
  }
  return integers
}

/** The varint that begins at `start`, and where what follows it begins. */
function varintAt(message: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n
  let at = start
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = message[at++]
    if (byte === undefined) break
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return { value: BigInt.asIntN(64, value), end: at }
  }
  throw new Error('no protobuf message: a number has no end')
}

/** A field that holds a number. */
export function integerField(number: number, value: number): Uint8Array {
  return Uint8Array.from([...varintOf((number << 3) | VARINT), ...varintOf(value)])
}

/** A field that holds a float. */
export function floatField(number: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return Uint8Array.from([...varintOf((number << 3) | FIXED_32), ...bytes])
}

/** A field that holds a text or a message, given in parts. */
export function bytesField(number: number, value: string | readonly Uint8Array[]): Uint8Array[] {
  const parts = typeof value === 'string' ? [new TextEncoder().encode(value)] : value
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return [Uint8Array.from([...varintOf((number << 3) | BYTES), ...varintOf(length)]), ...parts]
}

/** Seven bits a byte, lowest first; negative numbers as 64 bits in two's complement. */
function varintOf(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}
