import OpenAI from 'openai'
import { Agent, EnvHttpProxyAgent } from 'undici'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { redactor } from '../../engine/util/redactor.ts'
import type { ModelEndpoint, RowRequest } from '../define.ts'
import { readChoice } from './choice.ts'
import { requestFetch } from './request-fetch.ts'
import { classifyStatus, retryAfter, type SendFailure } from './send-failure.ts'

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
/** Other headers of the library tell of the machine, and some are read from `OPENAI_*` variables. */
const SENT_HEADERS = ['accept', 'authorization', 'content-type']
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
 * A client of an OpenAI-compatible endpoint. The deadline counts from the first byte sent to the last received:
 * the library's own stops at the headers. Nothing but the arguments (and, away from this machine, the proxy
 * variables) decides what is sent.
 */
export function openaiClient(endpoint: ModelEndpoint, deadlineMs: number): ModelClient {
  const limits = { headersTimeout: 0, bodyTimeout: 0, maxResponseSize: MAX_ANSWER_BYTES }
  // Small servers close kept connections as a request is on its way; connecting anew costs nothing on this machine.
  const dispatcher = isLoopback(endpoint.baseUrl)
    ? new Agent({ ...limits, pipelining: 0 })
    : new EnvHttpProxyAgent(limits)
  const client = new OpenAI({
    baseURL: endpoint.baseUrl,
    apiKey: endpoint.apiKey === '' ? 'none' : endpoint.apiKey,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: Math.min(deadlineMs + 1000, 2 ** 31 - 1),
    logLevel: 'off',
    fetch: requestFetch(dispatcher, SENT_HEADERS, (headers) => endpoint.pace?.learn(headers)) as never,
  })
  const secrets = redactor([endpoint.apiKey])
  const describe = (message: string): string => {
    // Cut last: of a key that is cut short, the rest would stay.
    return (secrets?.text(message) ?? message).replace(/\s+/g, ' ').trim().slice(0, 500)
  }
  return {
    async send(request, signal) {
      if (signal.aborted) return { sent: false, aborted: true }
      const controller = new AbortController()
      const onAbort = (): void => controller.abort()
      signal.addEventListener('abort', onAbort, { once: true })
      let late = false
      const timer = setTimeout(() => {
        late = true
        controller.abort()
      }, deadlineMs)
      try {
        const answer = await client.post<CanonicalValue>(endpoint.baseUrl + request.path, {
          body: { model: endpoint.model, ...request.body },
          signal: controller.signal,
        })
        // Some servers answer with the request that they were sent, headers and all.
        if (readChoice(answer) !== undefined) return { sent: true, answer: secrets?.value(answer) ?? answer }
        return { sent: true, failure: { kind: 'passing', message: 'the answer has no choice with a text in it' } }
      } catch (error) {
        if (late)
          return {
            sent: true,
            mayCost: true,
            failure: { kind: 'overload', message: `no answer within ${deadlineMs / 1000} s` },
          }
        if (signal.aborted) return { sent: true, mayCost: true, aborted: true }
        return failureOf(error, describe)
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
    },
    close: () => dispatcher.destroy(),
  }
}

function failureOf(error: unknown, describe: (message: string) => string): Sent {
  if (error instanceof OpenAI.APIError && error.status !== undefined) {
    const header = (name: string): string | null => error.headers?.get(name) ?? null
    // The library puts the status before the server's message.
    const message = describe(error.message.replace(/^\d{3} /, ''))
    const code = `${error.code ?? ''} ${error.type ?? ''}`
    return {
      sent: true,
      failure: classifyStatus(error.status, message, code, retryAfter(header, Date.now())),
    }
  }
  if (error instanceof SyntaxError) {
    return { sent: true, failure: { kind: 'passing', message: 'the answer is not JSON' } }
  }
  const causes = causesOf(error)
  const code = causes.map((cause) => (cause as { code?: unknown }).code).find((one) => typeof one === 'string')
  const message = describe(causes.at(-1)?.message ?? String(error))
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return { sent: true, failure: { kind: 'passing', message: 'the answer is larger than 16 MiB' } }
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

function isLoopback(url: string): boolean {
  const host = new URL(url).hostname
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host)
}
