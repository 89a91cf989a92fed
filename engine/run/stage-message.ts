import {
  type AskSettings,
  type Json,
  type RowAnswer,
  type RowRequest,
  type StageContext,
  StageError,
  type StageSummary,
} from '../../stages/define.ts'

/** The part of a stage's context that is plain data and crosses to a worker thread. */
export type StageData = Omit<StageContext<never>, 'options' | 'progress' | 'ask' | 'drain' | 'signal'> & {
  options: unknown
  /** What `compute` is asked for; without it, `run` is called. */
  work?: Json
}

/** What the run says to a stage thread. */
export type ToStage =
  | { type: 'run'; stage: string; data: StageData }
  | { type: 'answers'; id: number; answers: readonly RowAnswer[] }
  | { type: 'unanswered'; id: number; error: SentError }
  | { type: 'drain' }
  | { type: 'abort' }

/** What a stage thread says to the run. */
export type FromStage =
  | { type: 'progress'; done: number; total?: number; note?: string }
  | { type: 'ask'; id: number; llm: string; requests: readonly RowRequest[]; settings: AskSettings }
  | { type: 'finished'; summary: StageSummary }
  | { type: 'failed'; error: SentError }
  /** It ended early because of `drain`. */
  | { type: 'drained' }
  /** It has heard `abort`, and ends by itself. */
  | { type: 'stopping' }

/** An error as it crosses threads; the facts of a StageError stay facts. */
export interface SentError {
  message: string
  stack?: string
  code?: string
  /** Of the question that it is the end of, so that the run knows its own error again. */
  question?: number
  facts?: { where?: string; advice?: string; tail?: string; transient: boolean }
}

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { where, advice, tail, transient } = error as Partial<StageError>
  const { question } = error as { question?: number }
  const code = (error as NodeJS.ErrnoException).code
  return {
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(code === undefined ? {} : { code }),
    ...(question === undefined ? {} : { question }),
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
  const { code, question } = sent
  return Object.assign(error, code === undefined ? {} : { code }, question === undefined ? {} : { question })
}
