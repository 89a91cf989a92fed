import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowAnswer } from '../define.ts'
import { readChoice } from './choice.ts'

/** The value of a row's JSON; of one that an answer came with, without its provenance, which stands last and is long. */
export function valueOfRow(json: string): CanonicalValue {
  const end = json.lastIndexOf(',"provenance":{')
  try {
    if (end !== -1) return JSON.parse(`${json.slice(0, end)}}`)
  } catch {
    // It stands deeper in, and what is before it is no whole value.
  }
  return JSON.parse(json)
}

/** What a stored row says: an answer, or that the request is refused for good. */
export function rowAnswer(value: CanonicalValue): Exclude<RowAnswer, { kind: 'failed' }> {
  const choice = readChoice((value as { answer?: CanonicalValue } | null)?.answer)
  if (choice) return { kind: 'answered', ...choice }
  const refusal = (value as { refusal?: { message?: unknown } } | null)?.refusal
  return { kind: 'refused', message: String(refusal?.message ?? 'refused') }
}
