const EVERY_MS = 50

/** Milliseconds of processor time that this process has used since `process.cpuUsage()` said so. */
export function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/**
 * Aborts once this process has used so much processor time since, so that what is given up does not depend on what else
 * the machine does; and after ten times as long by the clock, for what waits. `end` stops the watch.
 */
export function processorDeadline(ms: number): { signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const [used, begun] = [process.cpuUsage(), performance.now()]
  const timer = setInterval(() => {
    if (processorMs(used) < ms && performance.now() - begun < 10 * ms) return
    clearInterval(timer)
    controller.abort(new DOMException(`not done within ${ms} ms of processor time`, 'TimeoutError'))
  }, EVERY_MS).unref()
  return { signal: controller.signal, end: () => clearInterval(timer) }
}
