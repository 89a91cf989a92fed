import { availableParallelism } from 'node:os'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { type Redactor, redactor } from '../../engine/util/redactor.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { ModelEndpoint, RowRequest } from '../define.ts'
import { readChoice } from './choice.ts'
import { dispatchPoster, type Poster, type PostTarget } from './poster.ts'
import { classifyStatus, errorIn, retryAfter, type SendFailure } from './send-failure.ts'
import { ThreadPoster } from './thread-poster.ts'

/**
 * What became of one HTTP request; `sent` is false where not even a connection came about. `mayCost`: it was cut off, so
 * that nobody knows what the server did and charges.
 */
export type Sent = { sent: boolean; mayCost?: boolean } & (
  | { answer: CanonicalValue }
  | { failure: SendFailure }
  | { aborted: true }
)

/** Sends requests to one endpoint, each once; whether to send again is the caller's decision. */
export interface ModelClient {
  send(request: RowRequest, signal: AbortSignal): Promise<Sent>
  close(): Promise<void>
}

const NEVER_CONNECTED = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]

/** Rates at which sending is worth a thread of its own: so many requests, sent at so many a second. */
export interface FastRate {
  requests: number
  perSecond: number
}

const FAST: FastRate = { requests: 1000, perSecond: 400 }

/**
 * A client of an OpenAI-compatible endpoint, over `undici` itself: the openai client takes several times as long for a request.
 * The deadline counts from the first byte sent to the last received. Nothing but the arguments (and, away from this
 * machine, the proxy variables) decides what is sent.
 */
export function modelClient(endpoint: ModelEndpoint, deadlineMs: number, fast: FastRate = FAST): ModelClient {
  const { baseUrl, apiKey } = endpoint
  const poster = quickPoster({ baseUrl, apiKey, deadlineMs }, fast)
  const secrets = redactor([apiKey])
  const describe = (message: string): string => {
    // Cut last: of a key that is cut short, the rest would stay.
    return (secrets?.text(message) ?? message).replace(/\s+/g, ' ').trim().slice(0, 500)
  }
  return {
    async send({ path, body }, signal) {
      if (signal.aborted) return { sent: false, aborted: true }
      const posted = await poster.post(path, bodyText(endpoint.model, body), signal)
      switch (posted.kind) {
        case 'response': {
          const { status, text, headers } = posted
          const header = (name: string): string | null => headers?.[name] ?? null
          if (headers) endpoint.pace?.learn({ get: header })
          if (status >= 200 && status < 300) return answerOf(text, secrets)
          const { message, code } = errorIn(text)
          return {
            sent: true,
            failure: classifyStatus(status, describe(message), code, retryAfter(header, Date.now())),
          }
        }
        case 'late': {
          const message = `no answer within ${deadlineMs / 1000} s`
          return { sent: true, mayCost: true, failure: { kind: 'overload', message } }
        }
        case 'interrupted':
          return { sent: true, mayCost: true, aborted: true }
        case 'broken':
          return failureOf(posted.code, describe(posted.message))
        default:
          return unreachable(posted)
      }
    },
    close: () => poster.close(),
  }
}

/** Posts here, and in a thread from when a server turns out to answer so fast that sending is most of the work. */
function quickPoster(target: PostTarget, { requests, perSecond }: FastRate): Poster {
  const here = dispatchPoster(target)
  let thread: ThreadPoster | undefined
  let posted = 0
  let since = performance.now()
  const look = (): void => {
    posted = 0
    const seconds = (performance.now() - since) / 1000
    since = performance.now()
    if (requests / seconds >= perSecond && availableParallelism() > 1) thread = new ThreadPoster(target)
  }
  return {
    post(path, body, signal) {
      if (!thread && ++posted === requests) look()
      return (thread?.isUsable ? thread : here).post(path, body, signal)
    },
    close: async () => {
      await Promise.all([here.close(), thread?.close()])
    },
  }
}

// As `{model, ...body}` is written, without a copy of it.
function bodyText(model: string, body: RowRequest['body']): string {
  const text = JSON.stringify(body)
  if (text === '{}' || Object.hasOwn(body, 'model')) return JSON.stringify({ model, ...body })
  return `{"model":${JSON.stringify(model)},${text.slice(1)}`
}

function answerOf(text: string, secrets: Redactor | undefined): Sent {
  let answer: CanonicalValue
  try {
    answer = JSON.parse(text)
  } catch {
    return { sent: true, failure: { kind: 'passing', message: 'the answer is not JSON' } }
  }
  // Some servers answer with the request that they were sent, headers and all.
  if (readChoice(answer) !== undefined) return { sent: true, answer: secrets?.value(answer) ?? answer }
  return { sent: true, failure: { kind: 'passing', message: 'the answer has no choice with a text in it' } }
}

function failureOf(code: string | undefined, message: string): Sent {
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return { sent: true, mayCost: true, failure: { kind: 'passing', message: 'the answer is larger than 16 MiB' } }
  }
  const sent = !NEVER_CONNECTED.includes(String(code))
  return {
    sent,
    mayCost: sent,
    failure: { kind: 'connection', message: code === undefined ? message : `${message} (${code})` },
  }
}
