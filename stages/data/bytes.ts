import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { StageError } from '../define.ts'

const CHUNK_BYTES = 1 << 18

/** Bytes of a file, streamed, unpacked where `name` ends with .gz. What can't be read is a StageError. */
export async function* openBytes(location: string, shown: string, name: string = shown): AsyncGenerator<Buffer> {
  yield* unpacked(createReadStream(location, { highWaterMark: CHUNK_BYTES }), shown, name)
}

/** Bytes of a stream that is being opened, as `openBytes` gives them; the stream is closed at the end. */
export async function* unpacked(raw: NodeJS.ReadableStream, shown: string, name: string): AsyncGenerator<Buffer> {
  const bytes = name.endsWith('.gz') ? raw.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : raw
  if (bytes !== raw) raw.on('error', (error) => (bytes as ReturnType<typeof createGunzip>).destroy(error))
  try {
    yield* bytes as AsyncIterable<Buffer>
  } catch (error) {
    throw unreadable(error, shown)
  } finally {
    for (const stream of [raw, bytes]) (stream as ReturnType<typeof createGunzip>).destroy()
  }
}

/** What a failing disk or a broken archive is told as; anything else is given back. */
export function unreadable(error: unknown, shown: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (error instanceof StageError || code === undefined) return error
  if (code === 'ENOENT') return new StageError('no such file', { where: shown, cause: error })
  if (code === 'Z_BUF_ERROR' || code === 'Z_DATA_ERROR')
    return new StageError('the compressed file is broken or cut short', {
      where: shown,
      advice: 'Download or pack it again.',
      cause: error,
    })
  return new StageError(`can't be read (${code})`, { where: shown, cause: error })
}
