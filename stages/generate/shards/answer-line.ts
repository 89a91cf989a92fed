import type { CanonicalValue } from '../../../cache/canonical.ts'
import { isSha256, type RowKey } from '../../../cache/digest.ts'

/** What a task did since the line before, for the run's totals. */
export interface LineReport {
  sent?: number
  retried?: number
  /** In which requests were on their way. */
  seconds?: number
}

/** One line of a task's answers. */
export interface AnswerLine {
  key: RowKey
  /** Number of the request in its file, from 0. */
  line: number
  /** See `markOf`. */
  mark: string
  /** The row to store, or why there is none. */
  outcome: { row: CanonicalValue } | { failed: string }
  report: LineReport
  /** Taken over from another attempt, which had told the same. */
  taken?: true
}

/**
 * An answer as a line in the form of the answers of OpenAI batches, with what the row store keeps of its origin beside it,
 * which request it is to, and what asking took.
 */
export function answerText({ key, line, mark, outcome, report, taken }: AnswerLine): string {
  return `${JSON.stringify({ custom_id: key, ...responseOf(outcome), line, request: mark, report, taken })}\n`
}

function responseOf(outcome: AnswerLine['outcome']): object {
  if ('failed' in outcome) return { response: null, error: { message: outcome.failed } }
  const { answer, refusal, provenance } = outcome.row as { [name: string]: CanonicalValue }
  if (answer !== undefined) return { response: { status_code: 200, body: answer }, error: null, provenance }
  const { status, message } = refusal as { status: number; message: string }
  return { response: { status_code: status, body: { error: { message } } }, error: null, provenance }
}

/** Reads such a line; undefined if it is not one. */
export function readAnswerLine(text: string): AnswerLine | undefined {
  let value: { [name: string]: unknown } | null
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { custom_id: key, line, request: mark, report, taken } = value ?? {}
  if (!isSha256(key) || !Number.isInteger(line) || typeof mark !== 'string') return undefined
  const outcome = outcomeOf(value as { [name: string]: unknown })
  if (!outcome) return undefined
  const found = { key, line: line as number, mark, outcome, report: reportOf(report) }
  return taken === true ? { ...found, taken } : found
}

function outcomeOf({ response, error, provenance }: { [name: string]: unknown }): AnswerLine['outcome'] | undefined {
  if (response === null || response === undefined) {
    const { message } = (error ?? {}) as { message?: unknown }
    return typeof message === 'string' ? { failed: message } : undefined
  }
  const { status_code: status, body } = response as { status_code?: unknown; body?: CanonicalValue }
  if (typeof status !== 'number' || typeof body !== 'object' || body === null) return undefined
  const from = { provenance: (provenance ?? {}) as CanonicalValue }
  if (status < 300) return { row: { answer: body, ...from } }
  const { message } = ((body as { error?: unknown }).error ?? {}) as { message?: unknown }
  return { row: { refusal: { status, message: String(message ?? 'refused') }, ...from } }
}

function reportOf(value: unknown): LineReport {
  const { sent, retried, seconds } = (value ?? {}) as { [name: string]: unknown }
  return { ...positive('sent', sent), ...positive('retried', retried), ...positive('seconds', seconds) }
}

function positive(name: keyof LineReport, value: unknown): LineReport {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? { [name]: value } : {}
}
