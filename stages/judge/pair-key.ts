import { canonicalBytes } from '../../cache/canonical.ts'
import { type Sha256, sha256 } from '../../cache/digest.ts'

/** What a query and a passage are known by, whatever their ids: judgements outlive reruns by it. */
export type PairKey = Sha256<'pair'>

/** The key of a query and a passage, of their texts alone. */
export function pairKey(query: string, { title, text }: { title: string; text: string }): PairKey {
  return sha256<'pair'>(canonicalBytes('pair', { query, title, text }))
}
