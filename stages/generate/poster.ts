import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { onAbort } from '../../engine/util/abort-listeners.ts'
import { isLoopback } from '../models/source.ts'
import { Exchange } from './exchange.ts'

/** Where requests go, and with which key; plain data. */
export interface PostTarget {
  baseUrl: string
  apiKey: string
  /** From the first byte sent to the last received. */
  deadlineMs: number
}

/** What one HTTP request came to; plain data. */
export type Posted =
  /** A whole response, whatever it says; of its headers only those that tell of limits, if there are any. */
  | { kind: 'response'; status: number; text: string; headers?: TellingHeaders }
  | { kind: 'late' }
  | { kind: 'interrupted' }
  | { kind: 'broken'; code: string | undefined; message: string }

type TellingHeaders = { readonly [name: string]: string }

/** Posts JSON texts to one server. */
export interface Poster {
  /** Never a rejection. The signal breaks it off. */
  post(path: string, body: string, signal: AbortSignal): Promise<Posted>
  close(): Promise<void>
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024
/** Small servers close connections that rest for a few seconds; a request must not be on its way just then. */
const KEPT_MS = 1_000
const INTERRUPTED = new Error('interrupted')
const TELLING = /^(x-ratelimit-|retry-after)/

/** Posts over connections of its own. */
export function dispatchPoster({ baseUrl, apiKey, deadlineMs }: PostTarget): Poster {
  const dispatcher = openDispatcher(baseUrl)
  const { origin, pathname } = new URL(baseUrl)
  const base = pathname.replace(/\/$/, '')
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': 'queryloom',
    authorization: `Bearer ${apiKey === '' ? 'none' : apiKey}`,
  }
  return {
    async post(path, body, signal) {
      const exchange = new Exchange(dispatcher, { origin, path: base + path, method: 'POST', headers, body })
      const off = onAbort(signal, () => exchange.end(INTERRUPTED))
      let late = false
      const timer = setTimeout(() => {
        late = true
        exchange.end(INTERRUPTED)
      }, deadlineMs)
      try {
        const { status, text, headers: came } = await exchange.done
        const telling = tellingOf(came)
        return { kind: 'response', status, text, ...(telling ? { headers: telling } : {}) }
      } catch (error) {
        if (late) return { kind: 'late' }
        return signal.aborted ? { kind: 'interrupted' } : brokenBy(error)
      } finally {
        clearTimeout(timer)
        off()
      }
    },
    close: () => dispatcher.destroy(),
  }
}

/** Connections to an address: those to this machine go there whatever the proxy variables say. */
export function openDispatcher(baseUrl: string, maxResponseSize: number = MAX_ANSWER_BYTES): Dispatcher {
  const limits = { headersTimeout: 0, bodyTimeout: 0, maxResponseSize }
  return isLoopback(new URL(baseUrl).hostname)
    ? new Agent({ ...limits, keepAliveTimeout: KEPT_MS, keepAliveMaxTimeout: KEPT_MS })
    : new EnvHttpProxyAgent(limits)
}

function tellingOf(headers: { readonly [name: string]: string | string[] | undefined }): TellingHeaders | undefined {
  let telling: { [name: string]: string } | undefined
  for (const name in headers) {
    if (!TELLING.test(name)) continue
    telling ??= {}
    telling[name] = String(headers[name])
  }
  return telling
}

function brokenBy(error: unknown): Posted {
  const causes = causesOf(error)
  const code = causes.map((cause) => (cause as { code?: unknown }).code).find((one) => typeof one === 'string')
  return { kind: 'broken', code: code as string | undefined, message: causes.at(-1)?.message ?? String(error) }
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
