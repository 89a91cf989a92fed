import { RemoteError } from './remote.ts'

/** The HTTP status of a failed call, if it came to one. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
}

const SKEW = ['RequestTimeTooSkewed', 'RequestExpired', 'AuthFailure', 'RequestInTheFuture']

/** What a failed call to a bucket means, and what to do about it. Never holds a credential. */
export function s3Error(error: unknown, place: { bucket: string; endpoint?: string }): RemoteError {
  const status = statusOf(error)
  const { name = '', code = '', message = '' } = error as { name?: string; code?: string; message?: string }
  const where = place.endpoint === undefined ? `s3://${place.bucket}` : `s3://${place.bucket} at ${place.endpoint}`
  const make = (problem: RemoteError['problem'], text: string, advice?: string): RemoteError =>
    new RemoteError(problem, `${where} ${text}`, { cause: error, ...(advice === undefined ? {} : { advice }) })
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return make('refused', 'needs credentials, and there are none', CREDENTIALS)
  // The SDK has learnt the service's time from this answer: the next attempt is signed with it.
  if (SKEW.includes(name)) return make('unreachable', 'says that the clock of this machine is wrong', CLOCK)
  if (name === 'NoSuchBucket') return make('missing', 'is not there', 'make the bucket, or correct its name')
  if (status === 507 || /no space left|quota exceeded|insufficient storage/i.test(`${name} ${message}`))
    return make('full', 'has no space left', 'free space there')
  if (status === 401 || status === 403) return make('refused', `refuses these credentials (${name})`, CREDENTIALS)
  if (status === undefined || status === 408 || status === 429 || status >= 500)
    return make('unreachable', `can't be reached (${[name, code, status].filter(Boolean).join(' ')})`)
  if (status === 404) return make('missing', 'is not there', 'make the bucket, or correct its name')
  return make('broken', `answered ${status} ${name}`)
}

const CREDENTIALS =
  'they are read from where the AWS tools read them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile'
const CLOCK = 'set the clock'
