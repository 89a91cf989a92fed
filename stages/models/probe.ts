import { setTimeout as wait } from 'node:timers/promises'

/** HTTP status of a GET, or undefined when nothing answers in time. */
export async function probe(
  url: string,
  options: { apiKey?: string; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<number | undefined> {
  const { apiKey, timeoutMs = 5_000, signal } = options
  const controller = new AbortController()
  const onAbort = (): void => controller.abort()
  const timer = setTimeout(onAbort, timeoutMs)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const response = await fetch(url, {
      signal: controller.signal,
      // Answering a probe must not leave a connection behind.
      headers: { connection: 'close', ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) },
    })
    await response.body?.cancel()
    return response.status
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Calls `ready` until it says true (then true), the time is over or the signal aborted (then false). */
export async function waitUntil(
  ready: () => Promise<boolean>,
  options: { withinMs: number; everyMs: number; signal: AbortSignal },
): Promise<boolean> {
  const end = performance.now() + options.withinMs
  for (;;) {
    if (options.signal.aborted) return false
    if (await ready()) return true
    if (performance.now() >= end) return false
    await wait(options.everyMs, undefined, { signal: options.signal }).catch(() => {})
  }
}
