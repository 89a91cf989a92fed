import { type FileHandle, open } from 'node:fs/promises'
import { sha256Stream } from './digest.ts'

/**
 * Writes what arrives from elsewhere into a new file; `finish` is called before it is closed. False if the bytes are not
 * those of this digest and size; of more than that nothing is read.
 */
export async function receiveFile(
  path: string,
  { digest, size }: { digest: string; size: number },
  source: AsyncIterable<Uint8Array>,
  finish: (file: FileHandle, received: number) => Promise<void>,
): Promise<boolean> {
  const running = sha256Stream()
  let received = 0
  const to = await open(path, 'wx')
  try {
    for await (const piece of source) {
      received += piece.byteLength
      if (received > size) return false
      running.update(piece)
      await to.writeFile(piece)
    }
    await finish(to, received)
  } finally {
    await to.close()
  }
  return received === size && running.digest() === digest
}
