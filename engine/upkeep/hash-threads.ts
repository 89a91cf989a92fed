import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../util/package-root.ts'
import { type HashedFile, hashFile } from './hash-file.ts'

/** Threads run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/engine/upkeep/hash-worker.js')
const THREADS = 2
/** Less than this is hashed sooner than threads are started. */
const WORTH_THREADS = 64 << 20

/** Hashes files, in two threads where there is much to read; `onHashed` is called for each as it is done. */
export async function hashFiles<File extends { path: string; size: number }>(
  files: readonly File[],
  onHashed: (file: File, hashed: HashedFile) => void,
): Promise<void> {
  const rest = files.values()
  if (files.reduce((sum, { size }) => sum + size, 0) < WORTH_THREADS) {
    for (const file of rest) onHashed(file, hashFile(file.path))
    return
  }
  await Promise.all(Array.from({ length: THREADS }, () => inThread(rest, onHashed)))
}

async function inThread<File extends { path: string }>(
  rest: Iterator<File>,
  onHashed: (file: File, hashed: HashedFile) => void,
): Promise<void> {
  const worker = new Worker(ENTRY)
  try {
    await new Promise<void>((resolve, reject) => {
      let file: File | undefined
      const next = (): void => {
        const { value, done } = rest.next()
        file = done ? undefined : value
        if (file) worker.postMessage(file.path)
        else resolve()
      }
      worker.on('message', (hashed: HashedFile) => {
        try {
          onHashed(file as File, hashed)
          next()
        } catch (error) {
          reject(error)
        }
      })
      worker.on('error', reject)
      worker.on('exit', (status) => reject(new Error(`a thread that hashes files ended with status ${status}`)))
      next()
    })
  } finally {
    await worker.terminate()
  }
}
