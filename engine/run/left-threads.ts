import type { Worker } from 'node:worker_threads'
import type { FromStage } from './stage-message.ts'

const left = new Set<Worker>()

/** Whether anything that was told to stop still computes. Node's own end of the process must not cut that off. */
export function hasLeftThreads(): boolean {
  return left.size > 0
}

/** Whether this thread was left to end by itself. */
export function isLeft(worker: Worker): boolean {
  return left.has(worker)
}

/** Leaves a thread that is stopping until its stage has come to its end; resolves when the thread is gone. */
export function leftThread(worker: Worker): Promise<void> {
  left.add(worker)
  return new Promise((resolve) => {
    worker.on('message', ({ type }: FromStage) => {
      if (type === 'finished' || type === 'failed' || type === 'drained') void worker.terminate()
    })
    worker.on('exit', () => {
      left.delete(worker)
      resolve()
    })
  })
}
