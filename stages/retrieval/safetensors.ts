import { open } from 'node:fs/promises'
import { StageError } from '../define.ts'

const MAX_HEADER_BYTES = 100_000_000

/** A matrix of 32-bit floats, row by row. */
export interface Matrix {
  rows: number
  columns: number
  data: Float32Array
}

/** Reads one two-dimensional F32 tensor of a safetensors file, as `readTensor` does. */
export async function readMatrix(location: string, name: string, shown: string = location): Promise<Matrix> {
  const { shape, data } = await readTensor(location, name, 2, shown)
  return { rows: shape[0]!, columns: shape[1]!, data }
}

/**
 * Reads one F32 tensor of this shape, or with so many dimensions, from a safetensors file: 8 bytes header length, a JSON
 * header with type, shape and offsets of each tensor, then their bytes (little-endian). Everything in the header is
 * checked against the file before it is believed; what does not hold is a StageError. `shown` is the path for errors.
 */
export async function readTensor(
  location: string,
  name: string,
  wanted: number | readonly number[],
  shown: string = location,
): Promise<{ shape: readonly number[]; data: Float32Array }> {
  const bad = (message: string): StageError =>
    new StageError(message, { where: shown, advice: 'The file is damaged or no safetensors file.' })
  const file = await open(location, 'r')
  try {
    const { size } = await file.stat()
    const prefix = Buffer.alloc(8)
    if (size < 8 || (await file.read(prefix, 0, 8, 0)).bytesRead !== 8) throw bad('too short for a safetensors header')
    const headerBytes = prefix.readBigUInt64LE()
    if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, size - 8)))
      throw bad('the safetensors header is longer than the file')
    const start = 8 + Number(headerBytes)
    const header = Buffer.alloc(Number(headerBytes))
    await file.read(header, 0, header.length, 8)
    let tensors: unknown
    try {
      tensors = JSON.parse(header.toString('utf8'))
    } catch {
      throw bad('the safetensors header is not JSON')
    }
    const tensor =
      typeof tensors === 'object' && tensors !== null && Object.hasOwn(tensors, name)
        ? (tensors as { [name: string]: { dtype?: unknown; shape?: unknown; data_offsets?: unknown } })[name]
        : undefined
    if (!tensor) throw new StageError(`no tensor ${name}`, { where: shown })
    const { dtype, shape, data_offsets: offsets } = tensor
    if (dtype !== 'F32')
      throw new StageError(`tensor ${name} is of type ${String(dtype)}; only F32 can be read`, { where: shown })
    const isWanted = typeof wanted === 'number' ? isCounts(shape, wanted) : String(shape) === String(wanted)
    if (!isWanted || !isCounts(shape) || !isCounts(offsets, 2))
      throw bad(`tensor ${name} has no plain shape and offsets`)
    const [from, to] = offsets as [number, number]
    const floats = shape.reduce((product, count) => product * count, 1)
    if (to - from !== floats * 4 || start + to > size)
      throw bad(`tensor ${name} does not fit: ${shape.join(' x ')} floats at ${from} to ${to} of ${size - start} bytes`)
    const data = new Float32Array(floats)
    const bytes = new Uint8Array(data.buffer)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), start + from + done)
      if (bytesRead === 0) throw bad('the file ends early')
      done += bytesRead
    }
    return { shape, data }
  } finally {
    await file.close()
  }
}

function isCounts(value: unknown, length?: number): value is readonly number[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) return false
  return value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
