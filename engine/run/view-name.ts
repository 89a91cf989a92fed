import type { ActionRecord } from '../../cache/action-log.ts'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'

/** Name of the folder below `views/` that shows these outputs: equal outputs share one. */
export function viewName(record: Pick<ActionRecord, 'outputs'>): string {
  const digests = Object.fromEntries(Object.entries(record.outputs).map(([name, { digest }]) => [name, digest]))
  return hexOf(sha256(canonicalBytes('view', digests as CanonicalValue))).slice(0, 32)
}
