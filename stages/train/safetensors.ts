import { open } from 'node:fs/promises'
import { endianness } from 'node:os'
import type { Matrix } from '../retrieval/safetensors.ts'

/** Where tensors may begin: safetensors pads its header to whole words. */
const ALIGNMENT = 8

/**
 * Writes a matrix as the only tensor (F32, little-endian) of a safetensors file, as `readMatrix` and the `safetensors`
 * library read it. One byte string for one matrix. The file must not exist.
 */
export async function writeMatrix(location: string, name: string, { rows, columns, data }: Matrix): Promise<void> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const tensors = {
    __metadata__: { format: 'pt' },
    [name]: { dtype: 'F32', shape: [rows, columns], data_offsets: [0, bytes.length] },
  }
  const text = Buffer.from(JSON.stringify(tensors))
  const header = Buffer.alloc(Math.ceil(text.length / ALIGNMENT) * ALIGNMENT, ' ')
  text.copy(header)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  const file = await open(location, 'wx')
  try {
    await file.writeFile(prefix)
    await file.writeFile(header)
    await file.writeFile(endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32())
  } finally {
    await file.close()
  }
}
