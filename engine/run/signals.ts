/** How a run is asked to stop. */
export interface RunSignals {
  /** Start nothing new, let rows in flight finish, keep everything finished. */
  drain: AbortSignal
  /** End every process now. */
  kill: AbortSignal
  /** The signal that asked, for the exit status. */
  readonly received: 'SIGINT' | 'SIGTERM' | undefined
  dispose(): void
}

/**
 * Signals so close together are one: `timeout`, for one, sends its signal to the process and to its group, and who closes a
 * terminal may cause more than one.
 */
const SAME_MS = 100

/** Turns the first Ctrl-C (or TERM, or hang-up) into draining and the second into killing, until disposed. */
export function listenForSignals(onFirst: () => void = () => {}): RunSignals {
  const drain = new AbortController()
  const kill = new AbortController()
  let received: 'SIGINT' | 'SIGTERM' | undefined
  let receivedAt = 0
  const on = (signal: NodeJS.Signals): void => {
    if (received !== undefined) {
      if (performance.now() - receivedAt > SAME_MS) kill.abort(new Error('interrupted'))
      return
    }
    receivedAt = performance.now()
    received = signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM'
    drain.abort(new Error('interrupted'))
    onFirst()
  }
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const name of names) process.on(name, on)
  return {
    drain: drain.signal,
    kill: kill.signal,
    get received() {
      return received
    },
    dispose() {
      for (const name of names) process.off(name, on)
    },
  }
}
