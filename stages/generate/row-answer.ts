import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowAnswer } from '../define.ts'
import { readChoice } from './choice.ts'

/** What a stored row says: an answer, or that the request is refused for good. */
export function rowAnswer(value: CanonicalValue): Exclude<RowAnswer, { kind: 'failed' }> {
  const choice = readChoice((value as { answer?: CanonicalValue } | null)?.answer)
  if (choice) return { kind: 'answered', ...choice }
  const refusal = (value as { refusal?: { message?: unknown } } | null)?.refusal
  return { kind: 'refused', message: String(refusal?.message ?? 'refused') }
}
