import type { StageError } from '../../stages/define.ts'
import { hideSecrets } from '../util/secrets.ts'
import type { Failure } from './events.ts'

const RIGHTS = 'Check permissions and limits of the file system.'
const TOO_MANY = 'Too many files are open: raise `ulimit -n`, or run fewer nodes at once (-j).'
const ADVICE: { readonly [code: string]: string } = {
  EACCES: RIGHTS,
  EPERM: RIGHTS,
  EROFS: RIGHTS,
  EMFILE: TOO_MANY,
  ENFILE: TOO_MANY,
  // What Node says of a module that it has no descriptor left to open.
  ERR_MODULE_NOT_FOUND: `${TOO_MANY} If that is not it, the installation is not complete: install queryloom again.`,
  EIO: 'The disk or its file system fails: look at the system log. Run again when it is mended: everything finished is kept.',
}

/**
 * Says of anything thrown by a stage what people should be told; only what nobody expected carries a stack. `store` is
 * where stages write, for failures of the disk that do not say it.
 */
export function failureOf(error: unknown, log?: string, store?: string): Failure {
  const failure = failureWithSecrets(error, log, store)
  const { message, advice, tail, bug } = failure
  return {
    ...failure,
    message: hideSecrets(message),
    ...(advice === undefined ? {} : { advice: hideSecrets(advice) }),
    ...(tail === undefined ? {} : { tail: hideSecrets(tail) }),
    ...(bug ? { bug: { stack: hideSecrets(bug.stack) } } : {}),
  }
}

function failureWithSecrets(error: unknown, log?: string, store?: string): Failure {
  const logged = log === undefined ? {} : { log }
  if (!(error instanceof Error)) return { message: String(error), ...logged }
  const facts = error as Partial<StageError> & NodeJS.ErrnoException
  if (error.name === 'StageError' || error.name === 'StoreError') {
    return {
      message: error.message,
      ...(facts.where === undefined ? {} : { where: facts.where }),
      ...(facts.advice === undefined ? {} : { advice: facts.advice }),
      ...(facts.tail ? { tail: facts.tail } : {}),
      ...logged,
    }
  }
  if (facts.code === 'ENOSPC' || facts.code === 'EDQUOT') {
    const where = facts.path ?? store
    return {
      message: 'the disk is full',
      ...(where === undefined ? {} : { where }),
      advice: 'Free some space and run again: everything finished so far is kept.',
      ...logged,
    }
  }
  const advice = ADVICE[facts.code ?? '']
  if (advice !== undefined) return { message: error.message, advice, ...logged }
  return { message: error.message, bug: { stack: error.stack ?? error.message }, ...logged }
}
