import { expect, test } from 'vitest'
import { listenForSignals } from '../../../engine/run/signals.ts'

const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms))

test('a signal that is sent to a process and to its group, as `timeout` does, is one; a later one kills', async () => {
  const signals = listenForSignals()
  try {
    process.emit('SIGTERM', 'SIGTERM')
    process.emit('SIGTERM', 'SIGTERM')
    expect([signals.drain.aborted, signals.kill.aborted, signals.received]).toEqual([true, false, 'SIGTERM'])
    await pause(150)
    process.emit('SIGINT', 'SIGINT')
    expect([signals.kill.aborted, signals.received]).toEqual([true, 'SIGTERM'])
  } finally {
    signals.dispose()
  }
})
