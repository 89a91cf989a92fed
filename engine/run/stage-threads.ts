import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { StageContext, StageSummary } from '../../stages/define.ts'
import { packageRoot } from '../util/package-root.ts'
import { unreachable } from '../util/unreachable.ts'
import { isLeft, leftThread } from './left-threads.ts'
import { type FromStage, receiveError, type StageData, sendError, type ToStage } from './stage-message.ts'

/** Threads run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/engine/run/stage-worker.js')

/**
 * How long a stage may take to stop. A loop that never yields is cut off then; a thread that has heard of it may be in
 * the midst of a library's work, and is left to end by itself, for to cut that off would end the whole process.
 */
const ABORT_GRACE_MS = 2_000

/** Runs CPU stages off the main thread, so that limits, progress and Ctrl-C hold; idle threads are kept for the next. */
export class StageThreads {
  readonly #idle: Worker[] = []
  readonly #left: Promise<void>[] = []
  readonly #entry: string

  constructor(entry: string = ENTRY) {
    this.#entry = entry
  }

  /** Runs one stage to its end. Rejects with what it threw, or with the reason of `drain` or `signal`. */
  async run(
    stage: string,
    data: StageData,
    { progress, ask, drain, signal }: Pick<StageContext<never>, 'progress' | 'ask' | 'drain' | 'signal'>,
  ): Promise<StageSummary> {
    signal.throwIfAborted()
    const worker = this.#idle.pop() ?? new Worker(this.#entry)
    const listening = new AbortController()
    const questions = new Map<number, unknown>()
    let timer: NodeJS.Timeout | undefined
    let isStopping = false
    let leave = (): void => {}
    const onDrain = (): void => worker.postMessage({ type: 'drain' } satisfies ToStage)
    const onAbort = (): void => {
      worker.postMessage({ type: 'abort' } satisfies ToStage)
      timer = setTimeout(() => (isStopping ? leave() : void worker.terminate()), ABORT_GRACE_MS)
    }
    try {
      const summary = await new Promise<StageSummary>((resolve, reject) => {
        leave = () => {
          this.#left.push(leftThread(worker))
          reject(signal.reason)
        }
        const hear = (message: FromStage): void => {
          switch (message.type) {
            case 'progress':
              progress(message.done, message.total, message.note)
              break
            case 'ask':
              void answer(worker, message, ask, questions)
              break
            case 'finished':
              resolve(message.summary)
              break
            case 'failed': {
              const { question } = message.error
              // What the run itself said comes back as it was: an interruption is known by its very reason.
              reject(question === undefined ? receiveError(message.error) : questions.get(question))
              break
            }
            case 'drained':
              reject(drain.reason)
              break
            case 'stopping':
              isStopping = true
              break
            default:
              unreachable(message)
          }
        }
        const listeners = {
          message: hear,
          error: reject,
          exit: (code: number): void =>
            reject(signal.reason ?? new Error(`the stage's thread ended with status ${code}`)),
        }
        for (const [name, listener] of Object.entries(listeners)) worker.on(name, listener)
        // Only these: the thread's own listeners keep its messages flowing for the next stage.
        listening.signal.addEventListener('abort', () => {
          for (const [name, listener] of Object.entries(listeners)) worker.off(name, listener)
        })
        signal.addEventListener('abort', onAbort, { once: true })
        drain.addEventListener('abort', onDrain, { once: true })
        worker.postMessage({ type: 'run', stage, data } satisfies ToStage)
        if (drain.aborted) onDrain()
      })
      this.#idle.push(worker)
      return summary
    } catch (error) {
      // A thread that failed may hold anything in memory: the next stage gets a fresh one.
      if (!isLeft(worker)) void worker.terminate()
      throw signal.aborted ? signal.reason : error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      drain.removeEventListener('abort', onDrain)
      listening.abort()
    }
  }

  /** Ends idle threads, and waits for those that were left unless it is to be `atOnce`. */
  async close({ atOnce = false }: { atOnce?: boolean } = {}): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()))
    if (!atOnce) await Promise.all(this.#left)
  }
}

async function answer(
  worker: Worker,
  { id, llm, requests, settings }: Extract<FromStage, { type: 'ask' }>,
  ask: StageContext<never>['ask'],
  failures: Map<number, unknown>,
): Promise<void> {
  try {
    const answers = await ask(llm, requests, settings)
    worker.postMessage({ type: 'answers', id, answers } satisfies ToStage)
  } catch (error) {
    failures.set(id, error)
    worker.postMessage({ type: 'unanswered', id, error: sendError(error) } satisfies ToStage)
  }
}
