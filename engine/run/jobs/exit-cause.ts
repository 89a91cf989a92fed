import type { TaskCause } from '../executor.ts'

/** Of an exit status as shells tell it: above 128 a signal ended the command. */
export function exitCause(status: number): TaskCause {
  return status > 128 && status <= 128 + 64 ? { kind: 'signal', signal: status - 128 } : { kind: 'exit', status }
}
