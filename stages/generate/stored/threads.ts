import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../../../engine/util/package-root.ts'
import type { SettledBatch, StoredBatch, StoredRules } from './settle.ts'

/** Threads run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/stages/generate/stored/stored-worker.js')
/** More would only wait for the thread that looks rows up, which has a core of its own. */
const MOST = 4

interface Waiting {
  resolve(settled: SettledBatch | undefined): void
  reject(error: unknown): void
}

interface Thread {
  worker: Worker
  /** In the order of their batches. */
  waiting: Waiting[]
}

/** Threads that read stored answers; the first that fails fails all that is asked of them. */
export class StoredThreads {
  readonly #rules: StoredRules
  readonly #count: number
  /** Started with the first batch, if not before: often nothing is stored yet. */
  #threads: readonly Thread[] = []
  #failure: unknown

  constructor(rules: StoredRules, count: number = Math.max(1, Math.min(MOST, availableParallelism() - 1))) {
    this.#rules = rules
    this.#count = count
  }

  /** How many batches keep all of them at work. */
  get ahead(): number {
    return 2 * this.#count
  }

  /** Starts them ahead of the first batch, which takes as long as reading some thousand answers. */
  start(): void {
    if (this.#threads.length === 0) this.#threads = Array.from({ length: this.#count }, () => this.#start(this.#rules))
  }

  settle({ lines, rows }: StoredBatch): Promise<SettledBatch | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.start()
    const [first, ...others] = this.#threads as [Thread, ...Thread[]]
    const thread = others.reduce((best, one) => (one.waiting.length < best.waiting.length ? one : best), first)
    // Of a view, all the memory that it looks at would be copied.
    const own = new Uint8Array(lines)
    return new Promise((resolve, reject) => {
      thread.waiting.push({ resolve, reject })
      thread.worker.postMessage({ lines: own, rows } satisfies StoredBatch, [
        own.buffer,
        rows.places.buffer,
        rows.keys.buffer,
      ])
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #start(workerData: StoredRules): Thread {
    const worker = new Worker(ENTRY, { workerData })
    const waiting: Waiting[] = []
    const fail = (error: unknown): void => {
      this.#failure ??= error
      for (const { reject } of waiting.splice(0)) reject(error)
    }
    worker.on('message', (settled: SettledBatch | undefined) => waiting.shift()?.resolve(settled))
    worker.on('error', fail)
    worker.on('exit', () => fail(new Error('a thread that reads stored answers has ended')))
    return { worker, waiting }
  }
}
