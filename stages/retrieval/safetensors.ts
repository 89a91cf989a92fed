import { open } from 'node:fs/promises'
import { StageError } from '../define.ts'

const MAX_HEADER_BYTES = 100_000_000

/** A matrix of 32-bit floats, row by row. */
export interface Matrix {
  rows: number
  columns: number
  data: Float32Array
}

/**
 * Reads one two-dimensional F32 tensor of a safetensors file: 8 bytes header length, a JSON header with type, shape
 * and offsets of each tensor, then their bytes (little-endian). Everything in the header is checked against the file
 * before it is believed; what does not hold is a StageError. `shown` is the path for errors.
 */
export async function readMatrix(location: string, name: string, shown: string = location): Promise<Matrix> {
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
    if (!isPairOfCounts(shape) || !isPairOfCounts(offsets)) throw bad(`tensor ${name} has no plain shape and offsets`)
    const [rows, columns] = shape
    const [from, to] = offsets
    if (to - from !== rows * columns * 4 || start + to > size)
      throw bad(`tensor ${name} does not fit: ${rows} x ${columns} floats at ${from} to ${to} of ${size - start} bytes`)
    const data = new Float32Array(rows * columns)
    const bytes = new Uint8Array(data.buffer)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), start + from + done)
      if (bytesRead === 0) throw bad('the file ends early')
      done += bytesRead
    }
    return { rows, columns, data }
  } finally {
    await file.close()
  }
}

function isPairOfCounts(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
