const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `listener` once when the signal aborts, as `addEventListener` does; what comes back takes it away again. Adding to
 * a signal with thousands of listeners costs no more than to one with none: an event target looks through all it has.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let all = listeners.get(signal)
  if (!all) {
    const made = new Set<() => void>()
    all = made
    listeners.set(signal, made)
    const tell = (): void => {
      for (const one of made) one()
      made.clear()
    }
    signal.addEventListener('abort', tell, { once: true })
  }
  all.add(listener)
  return () => all.delete(listener)
}
