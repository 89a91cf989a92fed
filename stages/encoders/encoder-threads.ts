import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { EncoderServices } from '../retrieval/encoder.ts'
import type { Device } from './device.ts'
import {
  type FromThread,
  type Piece,
  type PieceDone,
  receiveError,
  type ThreadData,
  type ThreadTask,
  type ToThread,
} from './thread-message.ts'

/** Threads run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/stages/encoders/encoder-worker.js')

/** What the graphs of all threads together may take as files; in memory it is about twice as much. */
const GRAPHS_BYTES = 2 * 1024 ** 3
/** Of one card: one tokenises while another computes. */
const ON_ONE_CARD = 3

interface Job {
  /** Makes the piece when a thread is free for it; undefined where nothing is left to do. */
  make(): Piece | undefined
  resolve(done: PieceDone | undefined): void
  reject(error: unknown): void
}

interface Thread {
  worker: Worker
  job: Job | undefined
  ended: Promise<void>
}

/** `drain`: what threads work on is finished, and nothing new begun. `signal`: they stop after their batch. */
export type StopSignals = Pick<EncoderServices, 'drain' | 'signal'>

/**
 * Threads that run one transformer, started with the first piece of work. Each has a graph of its own and computes on
 * one core: that is faster than one graph on all cores, and the result of a piece does not depend on their number. A
 * large model has fewer, with several cores each.
 */
export class EncoderThreads {
  /** What people should be told of how it was computed. */
  readonly warnings: string[] = []
  /** How many pieces are worked on at once. */
  readonly count: number
  readonly #data: ThreadData
  readonly #stop: StopSignals
  readonly #waiting: Job[] = []
  readonly #threads: Thread[] = []
  #failure: unknown
  readonly #onDrain = (): void => this.#refuse(this.#stop.drain?.reason)
  readonly #onAbort = (): void => this.#fail(this.#stop.signal.reason)

  constructor(
    task: ThreadTask,
    { device, mayFallBack }: { device: Device; mayFallBack: boolean },
    stop: StopSignals,
    threads: number = availableParallelism(),
  ) {
    const { size } = statSync(task.model.onnx.location)
    const most = Math.max(1, Math.floor(GRAPHS_BYTES / Math.max(1, size)))
    this.count = Math.min(threads, most, device.kind === 'cuda' ? ON_ONE_CARD : threads)
    const each = device.kind === 'cuda' ? 1 : Math.max(1, Math.floor(threads / this.count))
    this.#data = { task, device, mayFallBack, threads: each }
    this.#stop = stop
    stop.drain?.addEventListener('abort', this.#onDrain, { once: true })
    stop.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Rows of a piece of work, or undefined if nothing was left to do in its turn. Once one has failed, all do. */
  run(make: () => Piece | undefined): Promise<PieceDone | undefined> {
    const { drain, signal } = this.#stop
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (signal.aborted) return Promise.reject(signal.reason)
    if (drain?.aborted) return Promise.reject(drain.reason)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ make, resolve, reject })
      this.#hand()
    })
  }

  /** Resolves when no thread is left: one that computes ends after its batch. */
  async close(): Promise<void> {
    this.#stop.drain?.removeEventListener('abort', this.#onDrain)
    this.#stop.signal.removeEventListener('abort', this.#onAbort)
    this.#fail(new Error('the encoder was closed'))
    await Promise.all(this.#threads.map(({ ended }) => ended))
  }

  #hand(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#threads.find(({ job }) => job === undefined)
      if (!idle && this.#threads.length >= this.count) return
      const job = this.#waiting.shift()!
      try {
        const piece = job.make()
        if (!piece) {
          job.resolve(undefined)
          continue
        }
        const thread = idle ?? this.#start()
        thread.job = job
        say(thread, { type: 'piece', ...piece })
      } catch (error) {
        job.reject(error)
      }
    }
  }

  #start(): Thread {
    const worker = new Worker(ENTRY, { workerData: this.#data })
    const ended = new Promise<void>((resolve) => worker.on('exit', () => resolve()))
    const thread: Thread = { worker, job: undefined, ended }
    worker.on('message', (message: FromThread) => {
      if (message.type === 'failed') this.#fail(receiveError(message.error))
      else if (message.type === 'ready') {
        if (message.warning !== undefined && !this.warnings.includes(message.warning))
          this.warnings.push(message.warning)
      } else {
        const { job } = thread
        thread.job = undefined
        job?.resolve(message)
        this.#hand()
      }
    })
    worker.on('error', (error) => this.#fail(error))
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the encoder ended with status ${code}`)))
    this.#threads.push(thread)
    return thread
  }

  #refuse(reason: unknown): void {
    for (const job of this.#waiting.splice(0)) job.reject(reason)
  }

  // Threads are asked to end, and not terminated: in the midst of the library's work that would end the whole process.
  #fail(reason: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.#refuse(reason)
    for (const thread of this.#threads) {
      thread.job?.reject(reason)
      say(thread, { type: 'end' })
    }
  }
}

function say({ worker }: Thread, message: ToThread): void {
  worker.postMessage(message)
}
