import type { ActionRecord } from '../../cache/action-log.ts'
import type { NodeId } from '../plan/node.ts'
import { hasOutputs } from '../plan/pins.ts'
import type { Lockfile } from './lockfile.ts'

/** Nodes whose key is the locked one, but whose result is another: the pinned one could not be had. */
export function lostPins(lock: Lockfile, results: ReadonlyMap<NodeId, ActionRecord>): NodeId[] {
  return [...results].flatMap(([id, record]) => {
    const locked = lock.nodes.get(id)
    return locked?.key === record.key && !hasOutputs(record, locked.outputs) ? [id] : []
  })
}
