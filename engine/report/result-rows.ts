import { readFile } from 'node:fs/promises'
import type { ActionRecord } from '../../cache/action-log.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { Store } from '../../cache/store.ts'

const BYTES = 32

/** A stored row as people and programs look at it. */
export interface ShownRow {
  key: RowKey
  /** What the model wrote; null where the server refused to answer. */
  text: string | null
  /** Why the answer ended, in the server's word. */
  finish: string | null
  /** Tokens as the server counted them. */
  tokens: { input: number; output: number } | null
  /** Why the server refused for good. */
  refusal: CanonicalValue | null
  /** Model, server, version, hardware, when, how long. */
  provenance: CanonicalValue
}

/** Keys of the rows that a result was made from, sorted: as hashes, their order is as good as drawn. */
export async function rowKeysOf(store: Pick<Store, 'blobs'>, { rows }: ActionRecord): Promise<RowKey[]> {
  if (!rows) return []
  let bytes: Buffer
  try {
    bytes = await readFile(store.blobs.locate(rows.blob))
  } catch {
    return []
  }
  return Array.from(
    { length: Math.floor(bytes.length / BYTES) },
    (_, i) => `sha256:${bytes.toString('hex', i * BYTES, (i + 1) * BYTES)}` as RowKey,
  )
}

/** Reads a row: a chat's or a completion's answer in the form of OpenAI's API. */
export function shownRow(key: RowKey, value: CanonicalValue): ShownRow {
  const { answer, refusal, provenance } = value as { [name: string]: CanonicalValue | undefined }
  const { choices } = (answer ?? {}) as { choices?: readonly { [name: string]: CanonicalValue | undefined }[] }
  const choice = choices?.[0]
  const { content } = (choice?.message ?? {}) as { content?: CanonicalValue }
  const text = content ?? choice?.text
  const finish = choice?.finish_reason
  return {
    key,
    text: typeof text === 'string' ? text : null,
    finish: typeof finish === 'string' ? finish : null,
    tokens: tokensOf(value) ?? null,
    refusal: refusal ?? null,
    provenance: provenance ?? null,
  }
}

/** Tokens of a row's request, if the server counted them. */
export function tokensOf(row: CanonicalValue): { input: number; output: number } | undefined {
  const { answer } = row as { answer?: { usage?: { prompt_tokens?: unknown; completion_tokens?: unknown } } }
  const { prompt_tokens: input, completion_tokens: output } = answer?.usage ?? {}
  return typeof input === 'number' ? { input, output: typeof output === 'number' ? output : 0 } : undefined
}
