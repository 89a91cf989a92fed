import type { ArtifactDigest } from '../../../cache/digest.ts'
import { identitiesOf } from '../../lock/identities.ts'
import type { LockedNode } from '../../lock/lockfile.ts'
import type { Decision } from '../../plan/decision.ts'
import type { GraphNode } from '../../plan/node.ts'
import { hasOutputs } from '../../plan/pins.ts'
import { decideNodes, digests } from '../../plan/plan.ts'
import { actionKey, type Preimage, preimageOf, readPreimage } from '../../plan/preimage.ts'
import { staleReasons } from '../../plan/stale.ts'
import type { Session } from '../../session.ts'
import { counted } from '../words.ts'
import { outputsOf, type Side, type SideNode } from './side.ts'

/** Stands for the digest of what has not run. */
const UNKNOWN = 'unknown' as ArtifactDigest

/**
 * A pipeline file as it is now, or was at a revision: every node with what decides it and, where it is up to date, its
 * result. What an older version of queryloom made under other keys is found through the lockfile beside the file. `howTo`
 * says how results are made that are not there.
 */
export async function pipelineSide(
  session: Session,
  facts: Pick<Side, 'name' | 'about' | 'kind'>,
  howTo: string,
): Promise<Side> {
  const { graph, sources, store } = session
  const { decided } = await decideNodes(session)
  await sources.load(graph.nodes.values())
  const outputs = new Map<string, LockedNode['outputs']>()
  const nodes = new Map<string, SideNode>()
  let byLock = 0
  for (const { node, decision, key: known } of decided) {
    const preimage = preimageOf(node, {
      ...digests(sources, () => undefined),
      output: (id, name) => outputs.get(id)?.[name] ?? UNKNOWN,
    })
    const locked = decision.kind === 'cached' ? undefined : lockedNode(session, node, preimage)
    const record =
      decision.kind === 'cached'
        ? decision.record
        : locked && store.actions.find(locked.key).find((one) => hasOutputs(one, locked.outputs))
    if (locked && record) byLock++
    const key = locked?.key ?? known
    const made = record ? outputsOf(record) : locked?.outputs
    if (made) outputs.set(node.id, made)
    nodes.set(node.id, {
      id: node.id,
      stage: node.stage,
      variant: node.variant,
      inputs: node.inputs,
      ...(key ? { key } : {}),
      ...(preimage ? { preimage } : {}),
      ...(made ? { outputs: made } : {}),
      ...(record ? { record } : { missing: whyNone(decision, howTo) }),
    })
  }
  return {
    ...facts,
    nodes,
    identities: identitiesOf(graph.nodes.values(), graph, sources),
    graph,
    pipeline: graph.pipeline,
    sources,
    notes:
      byLock === 0
        ? []
        : [`results of ${counted(byLock, 'node')} are those that the lockfile beside it names: their keys are older`],
  }
}

/**
 * What the lockfile says of a node, if nothing but versions of stage types tells it from what the pipeline says. What comes
 * before the node must be as it was locked too: otherwise it is not known what the node reads.
 */
function lockedNode({ lock, store }: Session, node: GraphNode, preimage: Preimage | undefined): LockedNode | undefined {
  const locked = lock?.nodes.get(node.id)
  if (!locked || !preimage) return undefined
  if (actionKey(preimage) === locked.key) return locked
  const before = readPreimage(store.actions.preimage(locked.key))
  if (!before) return undefined
  const reasons = staleReasons(preimage, before, node.inputs)
  return reasons.every(({ kind }) => kind === 'stage-version') ? locked : undefined
}

function whyNone(decision: Decision, howTo: string): NonNullable<SideNode['missing']> {
  if (decision.kind === 'fetch')
    return { why: `its result is at remote ${decision.remote}`, advice: 'queryloom pull brings it here' }
  if (decision.kind === 'run' && decision.reasons.some(({ kind }) => kind === 'forgotten'))
    return { why: 'its result was removed from the store', advice: howTo }
  return { why: 'it has no result that is up to date', advice: howTo }
}
