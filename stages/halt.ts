import type { StageContext } from './define.ts'

/** Aborted as soon as a stage need not go on, be it asked to stop or told to: for work of which nothing is kept, or all. */
export function haltOf({
  drain,
  signal,
}: Pick<StageContext<unknown>, 'signal'> & { drain?: AbortSignal }): AbortSignal {
  return drain ? AbortSignal.any([drain, signal]) : signal
}
