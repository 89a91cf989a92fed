import type { CanonicalValue } from '../../cache/canonical.ts'
import type { TokenUse } from '../models/budget.ts'

/** Tokens that an answer says it took; undefined where it says nothing. */
export function usageOf(answer: CanonicalValue): TokenUse | undefined {
  const usage = (answer as { usage?: unknown } | null)?.usage as { [name: string]: unknown } | undefined
  const { prompt_tokens: input, completion_tokens: output } = usage ?? {}
  return typeof input === 'number' ? { input, output: typeof output === 'number' ? output : 0 } : undefined
}
