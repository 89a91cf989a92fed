import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { onAbort } from '../../engine/util/abort-listeners.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { Posted, Poster, PostTarget } from './poster.ts'
import type { Outcomes, Postings } from './sending-worker.ts'

/** The thread runs the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/stages/generate/sending-worker.js')
/** Of its memory for young objects, which live as long as a request: left to itself it takes 60 MiB more, and no less time. */
const YOUNG_MIB = 8

/**
 * Posts in a thread of its own, so that sending and receiving take no time from whoever makes the requests. What is posted in
 * one turn of the event loop is handed over together.
 */
export class ThreadPoster implements Poster {
  readonly #worker: Worker
  readonly #waiting = new Map<number, (posted: Posted) => void>()
  #postings: Postings = []
  #number = 0
  #isReady = false
  #hasEnded = false

  constructor(target: PostTarget) {
    this.#worker = new Worker(ENTRY, {
      workerData: target,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    })
    // Only what is posted keeps the process alive.
    this.#worker.unref()
    this.#worker.on('online', () => {
      this.#isReady = true
    })
    this.#worker.on('message', (outcomes: Outcomes) => {
      for (const { number, posted } of outcomes) this.#settle(number, posted)
    })
    this.#worker.on('error', (error) => this.#end(error.message))
    this.#worker.on('exit', () => this.#end('the thread that sends requests has ended'))
  }

  /** Whether it has started and not ended. */
  get isUsable(): boolean {
    return this.#isReady && !this.#hasEnded
  }

  post(path: string, body: string, signal: AbortSignal): Promise<Posted> {
    if (signal.aborted) return Promise.resolve({ kind: 'interrupted' })
    return new Promise((resolve) => {
      const number = this.#number++
      const off = onAbort(signal, () => this.#settle(number, { kind: 'interrupted' }))
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(number, (posted) => {
        off()
        resolve(posted)
      })
      if (this.#postings.push({ number, path, body }) === 1) setImmediate(() => this.#handOver())
    })
  }

  async close(): Promise<void> {
    this.#end('closed')
    await this.#worker.terminate()
  }

  #handOver(): void {
    const postings = this.#postings
    this.#postings = []
    if (!this.#hasEnded) this.#worker.postMessage(postings)
  }

  #settle(number: number, posted: Posted): void {
    const waiting = this.#waiting.get(number)
    if (!waiting) return
    this.#waiting.delete(number)
    if (this.#waiting.size === 0) this.#worker.unref()
    waiting(posted)
  }

  // Nobody knows what the server did with what was on its way: it is as if connections broke.
  #end(message: string): void {
    this.#hasEnded = true
    for (const number of [...this.#waiting.keys()]) this.#settle(number, { kind: 'broken', code: undefined, message })
  }
}
