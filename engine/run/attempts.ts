import { StageError } from '../../stages/define.ts'
import type { GraphNode } from '../plan/node.ts'
import { pause } from '../util/pause.ts'

/** More than timers can hold is no limit at all; they would end at once. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Tries a node as often as its `retry` says, each attempt no longer than its `timeout`, with pauses that double. The
 * signal of an attempt aborts with a `TimeoutError` when its time is over, and with the kill. Nothing is tried again
 * once the run drains.
 */
export async function attempts<Result>(
  node: Pick<GraphNode, 'retry' | 'timeoutMs'>,
  signals: { drain: AbortSignal; kill: AbortSignal },
  attempt: (signal: AbortSignal) => Promise<Result>,
  onRetry: (next: number, failure: unknown, waitMs: number) => void,
): Promise<Result> {
  for (let number = 1; ; number++) {
    try {
      return await inTime(node.timeoutMs, signals.kill, attempt)
    } catch (failure) {
      if (signals.drain.aborted || number >= node.retry.attempts) throw failure
      const waitMs = Math.min(node.retry.backoffMs * 2 ** (number - 1), LONGEST_MS)
      onRetry(number + 1, failure, waitMs)
      await pause(waitMs, signals.drain)
    }
  }
}

async function inTime<Result>(
  timeoutMs: number | undefined,
  kill: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (timeoutMs === undefined) return attempt(kill)
  const abort = new AbortController()
  const onKill = (): void => abort.abort(kill.reason)
  if (kill.aborted) onKill()
  kill.addEventListener('abort', onKill, { once: true })
  let timedOut = false
  const timer = setTimeout(
    () => {
      timedOut = true
      abort.abort(new DOMException('ran past its time limit', 'TimeoutError'))
    },
    Math.min(timeoutMs, LONGEST_MS),
  )
  try {
    return await attempt(abort.signal)
  } catch (error) {
    throw timedOut && !kill.aborted ? new StageError(`ran past its time limit of ${timeoutMs / 1000} s`) : error
  } finally {
    clearTimeout(timer)
    kill.removeEventListener('abort', onKill)
  }
}
