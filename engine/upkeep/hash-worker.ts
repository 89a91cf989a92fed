import { parentPort } from 'node:worker_threads'
import { hashFile } from './hash-file.ts'

/** Entry of a worker thread: hashes the files that it is told of, one after the other. */
parentPort?.on('message', (path: string) => parentPort?.postMessage(hashFile(path)))
