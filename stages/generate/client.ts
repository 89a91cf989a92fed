import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { onAbort } from '../../engine/util/abort-listeners.ts'
import { type Redactor, redactor } from '../../engine/util/redactor.ts'
import type { ModelEndpoint, RowRequest } from '../define.ts'
import { isLoopback } from '../models/source.ts'
import { readChoice } from './choice.ts'
import { Exchange } from './exchange.ts'
import { classifyStatus, errorIn, retryAfter, type SendFailure } from './send-failure.ts'

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

const MAX_ANSWER_BYTES = 16 * 1024 * 1024
/** Small servers close connections that rest for a few seconds; a request must not be on its way just then. */
const KEPT_MS = 1_000
const INTERRUPTED = new Error('interrupted')
const NEVER_CONNECTED = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]

/**
 * A client of an OpenAI-compatible endpoint, over `undici` itself: the openai client takes several times as long for a request.
 * The deadline counts from the first byte sent to the last received. Nothing but the arguments (and, away from this
 * machine, the proxy variables) decides what is sent.
 */
export function modelClient(endpoint: ModelEndpoint, deadlineMs: number): ModelClient {
  const dispatcher = openDispatcher(endpoint.baseUrl)
  const secrets = redactor([endpoint.apiKey])
  const describe = (message: string): string => {
    // Cut last: of a key that is cut short, the rest would stay.
    return (secrets?.text(message) ?? message).replace(/\s+/g, ' ').trim().slice(0, 500)
  }
  const { origin, pathname } = new URL(endpoint.baseUrl)
  const base = pathname.replace(/\/$/, '')
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': 'queryloom',
    authorization: `Bearer ${endpoint.apiKey === '' ? 'none' : endpoint.apiKey}`,
  }
  return {
    async send({ path, body }, signal) {
      if (signal.aborted) return { sent: false, aborted: true }
      const exchange = new Exchange(dispatcher, {
        origin,
        path: base + path,
        method: 'POST',
        headers,
        body: bodyText(endpoint.model, body),
      })
      const off = onAbort(signal, () => exchange.end(INTERRUPTED))
      let late = false
      const timer = setTimeout(() => {
        late = true
        exchange.end(INTERRUPTED)
      }, deadlineMs)
      try {
        const { status, headers: came, text } = await exchange.done
        const header = headerOf(came)
        endpoint.pace?.learn({ get: header })
        if (status >= 200 && status < 300) return answerOf(text, secrets)
        const { message, code } = errorIn(text)
        return { sent: true, failure: classifyStatus(status, describe(message), code, retryAfter(header, Date.now())) }
      } catch (error) {
        if (late) {
          const message = `no answer within ${deadlineMs / 1000} s`
          return { sent: true, mayCost: true, failure: { kind: 'overload', message } }
        }
        if (signal.aborted) return { sent: true, mayCost: true, aborted: true }
        return failureOf(error, describe)
      } finally {
        clearTimeout(timer)
        off()
      }
    },
    close: () => dispatcher.destroy(),
  }
}

// As `{model, ...body}` is written, without a copy of it.
function bodyText(model: string, body: RowRequest['body']): string {
  const text = JSON.stringify(body)
  if (text === '{}' || Object.hasOwn(body, 'model')) return JSON.stringify({ model, ...body })
  return `{"model":${JSON.stringify(model)},${text.slice(1)}`
}

/** Connections to an address: those to this machine go there whatever the proxy variables say. */
export function openDispatcher(baseUrl: string, maxResponseSize: number = MAX_ANSWER_BYTES): Dispatcher {
  const limits = { headersTimeout: 0, bodyTimeout: 0, maxResponseSize }
  return isLoopback(new URL(baseUrl).hostname)
    ? new Agent({ ...limits, keepAliveTimeout: KEPT_MS, keepAliveMaxTimeout: KEPT_MS })
    : new EnvHttpProxyAgent(limits)
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

function headerOf(headers: {
  readonly [name: string]: string | string[] | undefined
}): (name: string) => string | null {
  return (name) => {
    const value = headers[name]
    return value === undefined ? null : String(value)
  }
}

function failureOf(error: unknown, describe: (message: string) => string): Sent {
  const causes = causesOf(error)
  const code = causes.map((cause) => (cause as { code?: unknown }).code).find((one) => typeof one === 'string')
  const message = describe(causes.at(-1)?.message ?? String(error))
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

function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && causes.length < 8; cause = cause.cause) {
    causes.push(cause)
    // Node tries every address of a name and wraps what became of each.
    if (cause instanceof AggregateError && cause.errors[0] instanceof Error) causes.push(cause.errors[0])
  }
  return causes
}
