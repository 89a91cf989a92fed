import type { CanonicalValue } from '../../cache/canonical.ts'
import { isSha256, type RowKey } from '../../cache/digest.ts'
import type { RowRequest } from '../asking.ts'
import type { BulkResult } from './bulk.ts'

/** One request as a line of an OpenAI batch file; `custom_id` is the row's key. `prefix` is the path of the API, `/v1`. */
export function requestLine({ key, path, body }: RowRequest, model: string, prefix: string): string {
  return `${JSON.stringify({ custom_id: key, method: 'POST', url: prefix + path, body: { model, ...body } })}\n`
}

/** The row that a line of such a file is about; undefined if it is about none. */
export function keyOfLine(line: string): RowKey | undefined {
  const id = (parse(line) as { custom_id?: unknown } | undefined)?.custom_id
  return isSha256(id) ? id : undefined
}

/** What a line of an answer file says; undefined if it is not one. Files of servers and of their batch tools differ in little. */
export function resultOfLine(
  line: string,
  note: { readonly [name: string]: string },
): { key: RowKey; result: BulkResult } | undefined {
  const { custom_id: key, response, error } = (parse(line) ?? {}) as { [name: string]: unknown }
  if (!isSha256(key)) return undefined
  const { status_code: status = 200, body } = (response ?? {}) as { status_code?: number; body?: CanonicalValue }
  if (body !== undefined && body !== null && status >= 200 && status < 300)
    return { key, result: { kind: 'answer', answer: body, note } }
  if (response !== undefined && response !== null && status >= 300)
    return {
      key,
      result: { kind: 'status', status, body: typeof body === 'string' ? body : JSON.stringify(body ?? '') },
    }
  const { code, message } = (error ?? {}) as { [name: string]: unknown }
  return { key, result: { kind: 'unanswered', message: String(message ?? code ?? 'no answer') } }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
