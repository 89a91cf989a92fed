import { readFileSync } from 'node:fs'
import type { ActionRecord } from '../../cache/action-log.ts'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { type RowKey, sha256 } from '../../cache/digest.ts'
import type { PushRequest } from '../../cache/push.ts'
import type { Plan } from '../plan/decision.ts'
import type { Preimage } from '../plan/preimage.ts'
import type { Session } from '../session.ts'

const KEY_BYTES = 32

/** What a plan's results come to for a push: those that are here, and the rows that they were made from. */
export async function pushRequest(
  session: Session,
  plan: Plan,
): Promise<Pick<PushRequest, 'results' | 'rows'> & { missing: number; unlisted: number }> {
  const results: { record: ActionRecord; preimage: CanonicalValue }[] = []
  const groups = new Map<string, Set<RowKey>>()
  let unlisted = 0
  for (const { decision, preimage } of plan.nodes) {
    if (decision.kind !== 'cached' || preimage === undefined) continue
    const { record } = decision
    results.push({ record, preimage })
    if (!record.rows) {
      if (record.requests.sent + record.requests.cached > 0 && !record.origin) unlisted++
      continue
    }
    const path = await session.store.blobs.verified(record.rows.blob)
    if (path === undefined) {
      unlisted++
      continue
    }
    const model = modelOf(preimage as Preimage)
    const group = groups.get(model) ?? new Set()
    groups.set(model, group)
    for (const key of keysIn(readFileSync(path))) group.add(key)
  }
  const rows = [...groups].map(([model, keys]) => ({ kind: 'llm', model, keys: [...keys] }))
  return { results, rows, missing: plan.nodes.length - results.length, unlisted }
}

/** Digest of the models that a node asks. */
function modelOf({ inputs }: Preimage): string {
  const models = Object.entries(inputs).flatMap(([name, value]) => {
    const model = (value as { model?: CanonicalValue } | null)?.model
    return model === undefined ? [] : [[name, model]]
  })
  return sha256(canonicalBytes('models', models))
}

function keysIn(bytes: Buffer): RowKey[] {
  const keys: RowKey[] = []
  for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES) {
    keys.push(`sha256:${bytes.toString('hex', at, at + KEY_BYTES)}` as RowKey)
  }
  return keys
}
