import type { CanonicalValue } from '../../cache/canonical.ts'

/** What the first choice of an OpenAI answer holds, of a chat or of a completion. */
export interface Choice {
  text: string
  /** Mean log-probability of the tokens written, where the server gave it. */
  logprob?: number
  /** Why it ended: `stop`, `length`, … */
  finish?: string
}

/** Reads a raw answer; undefined if it does not have the form of one (the server sent something else). */
export function readChoice(answer: CanonicalValue | undefined): Choice | undefined {
  const choice = list(member(answer, 'choices'))?.[0]
  const message = member(choice, 'message')
  const text = message === undefined ? member(choice, 'text') : (member(message, 'content') ?? '')
  if (typeof text !== 'string') return undefined
  const logprobs = member(choice, 'logprobs')
  // Chats (and llama.cpp everywhere) list `content`; OpenAI's completions list `token_logprobs`.
  const values = (
    list(member(logprobs, 'content'))?.map((token) => member(token, 'logprob')) ??
    list(member(logprobs, 'token_logprobs')) ??
    []
  ).filter((value) => typeof value === 'number')
  const finish = member(choice, 'finish_reason')
  return {
    text,
    ...(values.length === 0 ? {} : { logprob: values.reduce((sum, value) => sum + value, 0) / values.length }),
    ...(typeof finish === 'string' ? { finish } : {}),
  }
}

function member(value: CanonicalValue | undefined, name: string): CanonicalValue | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const map = value as { readonly [name: string]: CanonicalValue | undefined }
  return Object.hasOwn(map, name) ? (map[name] ?? undefined) : undefined
}

function list(value: CanonicalValue | undefined): readonly CanonicalValue[] | undefined {
  return Array.isArray(value) ? (value as readonly CanonicalValue[]) : undefined
}
