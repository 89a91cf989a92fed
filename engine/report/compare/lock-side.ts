import type { ActionLog } from '../../../cache/action-log.ts'
import type { Lockfile } from '../../lock/lockfile.ts'
import { hasOutputs } from '../../plan/pins.ts'
import { readPreimage } from '../../plan/preimage.ts'
import { partsOf, type Side, type SideNode } from './side.ts'

/** A lockfile: every node with the key and the digests that it pins, and the result itself where the store has it. */
export function lockSide(
  lock: Lockfile,
  name: string,
  actions: Pick<ActionLog, 'find' | 'preimage'>,
  about?: string,
): Side {
  const nodes = new Map<string, SideNode>()
  for (const [id, { key, outputs }] of lock.nodes) {
    const preimage = readPreimage(actions.preimage(key))
    const record = actions.find(key).find((one) => hasOutputs(one, outputs))
    nodes.set(id, {
      id,
      ...partsOf(id),
      key,
      outputs,
      ...(preimage ? { preimage } : {}),
      ...(record
        ? { record }
        : {
            missing: {
              why: 'the locked result is not in this store',
              advice: 'bring it here with queryloom pull, from whoever made it',
            },
          }),
    })
  }
  const { datasets, models, prompts } = lock
  return {
    kind: 'lockfile',
    name,
    ...(about === undefined ? {} : { about }),
    nodes,
    identities: { datasets, models, prompts },
    notes: [],
  }
}
