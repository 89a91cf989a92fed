import { StageError } from '../../../stages/define.ts'
import { logTail } from '../../util/log-tail.ts'
import { receiveError } from '../stage-message.ts'
import type { TaskOutcome } from './run-tasks.ts'
import { letter } from './stage-mail.ts'

/** What people are told of a task that failed: what its last attempt left to say, or else what became of it. */
export function jobFailure(
  { cause, message, advice }: Extract<TaskOutcome, { done: false }>,
  attempts: readonly string[],
  what: string,
  log: string,
): Error {
  const failure = attempts.map((attempt) => letter(attempt, 'failure.json')).at(-1)
  if (failure && cause.kind === 'exit') return receiveError(failure)
  return new StageError(`${what} ${message}`, {
    where: log,
    tail: logTail(log),
    ...(advice === undefined ? {} : { advice }),
  })
}
