import { isOutOfMemory } from '../models/memory-trouble.ts'

/** Why one request brought no answer. */
export type SendFailure =
  /** The server said that it can't take more now (429, 503, out of memory), or took longer than the deadline. */
  | { kind: 'overload'; message: string; retryAfterMs?: number }
  /** Any other passing trouble: 5xx, 408, 409, an answer that is not JSON of the right form. */
  | { kind: 'passing'; message: string }
  /** No connection, or it broke; the server may be dead. */
  | { kind: 'connection'; message: string }
  /** This request will never be answered: too long for the model, refused by a content filter, malformed. */
  | { kind: 'refused'; status: number; message: string; certain: boolean }
  /** No request will be answered: wrong key, wrong address, no credit. */
  | { kind: 'fatal'; status: number; message: string }

/** What a refusal says of itself, in the ways of OpenAI, FastAPI and plain text. */
export function errorIn(text: string): { message: string; code: string } {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { message: text.trim() === '' ? 'no reason given' : text, code: '' }
  }
  const { error, message, detail } = (body ?? {}) as { [name: string]: unknown }
  const inner = (typeof error === 'object' && error !== null ? error : body) as { [name: string]: unknown }
  const said = [inner?.message, error, message, detail].find((one) => one !== undefined && one !== null)
  return {
    message: typeof said === 'string' ? said : JSON.stringify(said ?? body),
    code: `${inner?.code ?? ''} ${inner?.type ?? ''}`,
  }
}

const LENGTH_OR_CONTENT =
  /context[ _-]?(length|size|window)|exceed_context|maximum (context|model|sequence)|too (long|many tokens)|max_model_len|content[ _-]?(filter|policy|management)|string_above_max_length/i

/** What an HTTP status other than 2xx means for the row and for the stage. */
export function classifyStatus(
  status: number,
  message: string,
  code: string,
  retryAfterMs: number | undefined,
): SendFailure {
  const text = `HTTP ${status}: ${message}`
  switch (status) {
    case 429:
      if (/insufficient_quota|billing/i.test(code)) return { kind: 'fatal', status, message: text }
      return { kind: 'overload', message: text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    case 503:
    case 529:
      return { kind: 'overload', message: text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    case 408:
    case 409:
    case 425:
      return { kind: 'passing', message: text }
    case 400:
    case 422:
      return { kind: 'refused', status, message: text, certain: LENGTH_OR_CONTENT.test(`${code} ${message}`) }
    case 413:
    case 451:
      return { kind: 'refused', status, message: text, certain: true }
    default:
      // Fewer requests at once take less memory.
      if (status >= 500 && isOutOfMemory(message)) return { kind: 'overload', message: text }
      return status >= 500 ? { kind: 'passing', message: text } : { kind: 'fatal', status, message: text }
  }
}

/** Milliseconds of `retry-after-ms` or `retry-after` (seconds or a date), at most two minutes. */
export function retryAfter(header: (name: string) => string | null, now: number): number | undefined {
  const milliseconds = number(header('retry-after-ms'))
  const written = header('retry-after')
  const seconds = number(written)
  const date = written === null ? Number.NaN : Date.parse(written)
  const wait = milliseconds ?? (seconds === undefined ? (Number.isNaN(date) ? undefined : date - now) : seconds * 1000)
  return wait === undefined ? undefined : Math.min(Math.max(0, wait), 120_000)
}

function number(text: string | null): number | undefined {
  return text === null || !/^\s*\d+(\.\d+)?\s*$/.test(text) ? undefined : Number(text)
}
