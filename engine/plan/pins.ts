import type { ActionRecord } from '../../cache/action-log.ts'
import type { ActionKey, ArtifactDigest } from '../../cache/digest.ts'

/** Which of several results of a key is the one that counts. */
export interface Pins {
  /** Digests by output of the result that is pinned for a key. */
  outputs(key: ActionKey): { readonly [output: string]: ArtifactDigest } | undefined
  /** Whether no other result of a pinned key will do. */
  only: boolean
}

/** Results of a key, the pinned ones first; the others are left out where only the pinned one will do. */
export function byPins(
  records: readonly ActionRecord[],
  key: ActionKey,
  pins: Pins | undefined,
): readonly ActionRecord[] {
  const outputs = pins?.outputs(key)
  if (!outputs) return records
  const pinned = records.filter((record) => hasOutputs(record, outputs))
  return pins?.only ? pinned : [...pinned, ...records.filter((record) => !pinned.includes(record))]
}

/** Whether a result of a key is the one that counts; any is, where none is pinned. */
export function isPinned(record: Pick<ActionRecord, 'outputs'>, key: ActionKey, pins: Pins | undefined): boolean {
  const outputs = pins?.outputs(key)
  return outputs === undefined || hasOutputs(record, outputs)
}

/** Whether a result has exactly these outputs. */
export function hasOutputs(
  { outputs }: Pick<ActionRecord, 'outputs'>,
  pinned: { readonly [output: string]: string },
): boolean {
  const names = Object.keys(outputs)
  return names.length === Object.keys(pinned).length && names.every((name) => outputs[name]?.digest === pinned[name])
}
