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

/** Turns the first Ctrl-C (or TERM, or hang-up) into draining and the second into killing, until disposed. */
export function listenForSignals(onFirst: () => void = () => {}): RunSignals {
  const drain = new AbortController()
  const kill = new AbortController()
  let received: 'SIGINT' | 'SIGTERM' | undefined
  const on = (signal: NodeJS.Signals): void => {
    if (received !== undefined) {
      kill.abort(new Error('interrupted'))
      return
    }
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
