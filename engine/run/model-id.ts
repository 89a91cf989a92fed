import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'

/** Names what a server serves and how: nodes whose models have the same id share it. */
export function modelId(block: Json, identity: CanonicalValue): string {
  return sha256(canonicalBytes('lease', { block: block as CanonicalValue, identity }))
}
