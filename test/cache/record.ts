import type { ActionRecord, NodeAddress, RecordedFile } from '../../cache/action-log.ts'
import { artifactDigest } from '../../cache/artifact.ts'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { type ActionKey, type RowKey, sha256 } from '../../cache/digest.ts'

/** The key of a made-up request. */
export function rowKey(name: string | number): RowKey {
  return sha256<'row'>(`row ${name}`)
}

/** The key of a made-up node. */
export function actionKey(preimage: CanonicalValue): ActionKey {
  return sha256<'action'>(canonicalBytes('action', preimage))
}

/** A made-up result; `address` says for which node. */
export function record(
  preimage: CanonicalValue,
  files: readonly RecordedFile[] = [],
  address: Partial<NodeAddress> = {},
): ActionRecord {
  return {
    ...pick(address),
    key: actionKey(preimage),
    outputs: { pairs: { kind: 'pairs', digest: artifactDigest(files), files } },
    summary: { counts: { pairs: 2 }, warnings: ['tab\tand\nline break', 'ä 日本'] },
    incomplete: 0,
    run: 'r1',
    engine: '0.1.0',
    startedAt: '2026-01-01T00:00:00Z',
    seconds: 1.5,
    requests: { sent: 2, cached: 0, failed: 0 },
  }
}

function pick({ project = 'p', pipeline = 'quickstart', node = 'queries' }: Partial<NodeAddress>): NodeAddress {
  return { project, pipeline, node }
}
