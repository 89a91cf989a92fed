import { type StageContext, StageError, type StageSummary } from '../../stages/define.ts'

/** The part of a stage's context that is plain data and crosses to a worker thread. */
export type StageData = Omit<StageContext<never>, 'options' | 'progress' | 'signal'> & { options: unknown }

/** What the run says to a stage thread. */
export type ToStage = { type: 'run'; stage: string; data: StageData } | { type: 'abort' }

/** What a stage thread says to the run. */
export type FromStage =
  | { type: 'progress'; done: number; total?: number; note?: string }
  | { type: 'finished'; summary: StageSummary }
  | { type: 'failed'; error: SentError }

/** An error as it crosses threads; the facts of a StageError stay facts. */
export interface SentError {
  message: string
  stack?: string
  code?: string
  facts?: { where?: string; advice?: string; tail?: string; transient: boolean }
}

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { where, advice, tail, transient } = error as Partial<StageError>
  const code = (error as NodeJS.ErrnoException).code
  return {
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(code === undefined ? {} : { code }),
    ...(error.name === 'StageError'
      ? {
          facts: {
            transient: transient ?? false,
            ...(where === undefined ? {} : { where }),
            ...(advice === undefined ? {} : { advice }),
            ...(tail === undefined ? {} : { tail }),
          },
        }
      : {}),
  }
}

export function receiveError(sent: SentError): Error {
  const error = sent.facts ? new StageError(sent.message, sent.facts) : new Error(sent.message)
  if (sent.stack !== undefined) error.stack = sent.stack
  return sent.code === undefined ? error : Object.assign(error, { code: sent.code })
}
