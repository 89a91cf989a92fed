import type { ActionKey } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'
import type { StaleReason } from '../plan/decision.ts'
import type { NodeId } from '../plan/node.ts'
import { digests, type PlanWorld } from '../plan/plan.ts'
import { actionKey, preimageOf, readPreimage } from '../plan/preimage.ts'
import { everything } from '../plan/selection.ts'
import { staleReasons } from '../plan/stale.ts'
import { identitiesOf, identityNames } from './identities.ts'
import { IDENTITIES, type Identities, type Lockfile } from './lockfile.ts'

/** One way in which a pipeline is not what its lockfile says. */
export type LockDifference =
  | { kind: 'added' | 'removed'; node: string }
  /** Reasons are there where the store knows what the locked result was made from. */
  | { kind: 'changed'; node: NodeId; locked: ActionKey; now: ActionKey; reasons: readonly StaleReason[] }
  | { kind: 'identity'; section: keyof Identities; name: string; locked?: Json; now?: Json }

/**
 * How the chosen nodes of a pipeline, and what they are made from, differ from its lockfile. Every key is computed from
 * the outputs that the lockfile has for what comes before, so that a change shows once, where it is, and nothing need
 * have run. `narrowed`: nodes may be absent because only some variants were asked for.
 */
export async function lockDifferences(
  world: PlanWorld,
  lock: Lockfile,
  options: { narrowed?: boolean } = {},
): Promise<readonly LockDifference[]> {
  const { graph, sources, selection = everything(graph) } = world
  const chosen = [...graph.nodes.values()].filter(({ id }) => selection.nodes.has(id))
  await sources.load(chosen)
  const output = (id: string, name: string) => lock.nodes.get(id)?.outputs[name]
  const found: LockDifference[] = []
  for (const node of chosen) {
    const locked = lock.nodes.get(node.id)
    if (!locked) {
      found.push({ kind: 'added', node: node.id })
      continue
    }
    const preimage = preimageOf(node, { ...digests(sources, () => undefined), output })
    if (!preimage) continue
    const now = actionKey(preimage)
    if (now === locked.key) continue
    const before = readPreimage(world.store.actions.preimage(locked.key))
    const reasons = before ? staleReasons(preimage, before, node.inputs) : []
    found.push({ kind: 'changed', node: node.id, locked: locked.key, now, reasons })
  }
  const names = identityNames(graph)
  const identities = identitiesOf(chosen, graph, sources)
  for (const section of IDENTITIES) {
    for (const [name, now] of identities[section]) {
      const locked = lock[section].get(name)
      if (locked === undefined) found.push({ kind: 'identity', section, name, now })
      else if (!isWithin(now, locked)) found.push({ kind: 'identity', section, name, locked, now })
    }
    for (const [name, locked] of options.narrowed ? [] : lock[section])
      if (!names[section].has(name)) found.push({ kind: 'identity', section, name, locked })
  }
  for (const id of options.narrowed ? [] : lock.nodes.keys())
    if (!graph.nodes.has(id as NodeId)) found.push({ kind: 'removed', node: id })
  return found
}

// Of variants that mean different things by one name, those that were chosen may be some.
function isWithin(now: Json, locked: Json): boolean {
  const known = new Set(listOf(locked).map(canonical))
  return listOf(now).every((one) => known.has(canonical(one)))
}

function listOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [value]
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_, member: Json) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
