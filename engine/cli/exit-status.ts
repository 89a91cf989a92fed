import type { RunStatus } from '../run/events.ts'

/** How the command ends; other programs rely on these numbers. */
export const ExitStatus = {
  ok: 0,
  /** A stage failed; for `status`: something is not fresh. */
  failed: 1,
  /** The pipeline is invalid asks for more than the machine has or differs from its lockfile, or the command was called wrongly; nothing was run. */
  invalid: 2,
  /** A bug of queryloom. */
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus]

/** The status of a run's end; `signal` is what interrupted it. */
export function exitStatusOf(status: RunStatus, signal: 'SIGINT' | 'SIGTERM' | undefined): ExitStatus {
  if (status === 'interrupted') return signal === 'SIGTERM' ? ExitStatus.terminated : ExitStatus.interrupted
  return status === 'ok' ? ExitStatus.ok : ExitStatus.failed
}
