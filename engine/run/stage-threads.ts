import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { StageContext, StageSummary } from '../../stages/define.ts'
import { packageRoot } from '../util/package-root.ts'
import { type FromStage, receiveError, type StageData, sendError, type ToStage } from './stage-message.ts'

/** Threads run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/engine/run/stage-worker.js')

/** How long a stage may take to notice that it is to stop; a loop that never yields is cut off after it. */
const ABORT_GRACE_MS = 2_000

/** Runs CPU stages off the main thread, so that limits, progress and Ctrl-C hold; idle threads are kept for the next. */
export class StageThreads {
  readonly #idle: Worker[] = []
  readonly #entry: string

  constructor(entry: string = ENTRY) {
    this.#entry = entry
  }

  /** Runs one stage to its end. Rejects with what it threw, or with `signal`'s reason. */
  async run(
    stage: string,
    data: StageData,
    services: Pick<StageContext<never>, 'progress' | 'ask'>,
    signal: AbortSignal,
  ): Promise<StageSummary> {
    signal.throwIfAborted()
    const worker = this.#idle.pop() ?? new Worker(this.#entry)
    const listening = new AbortController()
    const questions = new Map<number, unknown>()
    let timer: NodeJS.Timeout | undefined
    const onAbort = (): void => {
      worker.postMessage({ type: 'abort' } satisfies ToStage)
      timer = setTimeout(() => void worker.terminate(), ABORT_GRACE_MS)
    }
    try {
      const summary = await new Promise<StageSummary>((resolve, reject) => {
        const listeners = {
          message: (message: FromStage): void => {
            if (message.type === 'progress') services.progress(message.done, message.total, message.note)
            else if (message.type === 'ask') void answer(worker, message, services.ask, questions)
            else if (message.type === 'finished') resolve(message.summary)
            else {
              const { question } = message.error
              // What the run itself said comes back as it was: an interruption is known by its very reason.
              reject(question === undefined ? receiveError(message.error) : questions.get(question))
            }
          },
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
        worker.postMessage({ type: 'run', stage, data } satisfies ToStage)
      })
      this.#idle.push(worker)
      return summary
    } catch (error) {
      // A thread that failed may hold anything in memory: the next stage gets a fresh one.
      void worker.terminate()
      throw signal.aborted ? signal.reason : error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      listening.abort()
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()))
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
