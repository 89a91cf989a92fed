import type { CanonicalValue } from '../../../cache/canonical.ts'
import type { Json } from '../../../stages/define.ts'
import { IDENTITIES } from '../../lock/lockfile.ts'
import type { StaleReason } from '../../plan/decision.ts'
import type { InputRef } from '../../plan/node.ts'
import { originOf, type Preimage } from '../../plan/preimage.ts'
import { staleReasons } from '../../plan/stale.ts'
import type { Side, SideNode } from './side.ts'

/** One way in which a node of B is made otherwise than it is in A. */
export type Change =
  | Extract<StaleReason, { kind: 'option' | 'model' | 'environment' | 'stage-version' }>
  | { kind: 'stage-type'; old: string; new: string }
  /** Content of a dataset, a file or a folder, by its digests. */
  | { kind: 'data'; input: string; from: string; part?: string; old?: CanonicalValue; new?: CanonicalValue }
  /** An input comes from elsewhere. */
  | { kind: 'rewired'; input: string; old: string; new: string }
  /** Keys differ, and of one side the store does not know what the key was made of. */
  | { kind: 'not-known' }
  /** The same key with other outputs: the node was made, or its model asked, again. */
  | { kind: 'made-again' }

/** Nodes of a stage that changed in the same ways. */
interface ChangedNodes {
  stage: string
  nodes: readonly string[]
  changes: readonly Change[]
}

/** What a dataset, a model or a prompt is known by on either side; told where a store can't say more. */
export interface IdentityChange {
  section: 'datasets' | 'models' | 'prompts'
  name: string
  old: Json | null
  new: Json | null
}

/** How the two sides differ in what they are made from. */
export interface Changes {
  changed: readonly ChangedNodes[]
  identities: readonly IdentityChange[]
  /** Nodes that differ only because one before them does. */
  following: readonly string[]
  /** Nodes with the same key and the same outputs. */
  same: number
  only: { a: readonly string[]; b: readonly string[] }
}

/** Finds out what changed from A to B: causes once, where they are; what follows from them is only named. */
export function changesBetween(a: Side, b: Side): Changes {
  const groups = new Map<string, { stage: string; nodes: string[]; changes: readonly Change[] }>()
  const following: string[] = []
  const moved = new Set<string>()
  let same = 0
  for (const [id, now] of b.nodes) {
    const before = a.nodes.get(id)
    if (!before) continue
    const changes = changesOf(before, now)
    const isLike = changes !== 'same' && changes.length === 0 && !follows(now, before, moved)
    if (changes === 'same' || isLike) {
      same++
      continue
    }
    moved.add(id)
    if (changes.length === 0) following.push(id)
    else {
      const name = JSON.stringify([now.stage, changes])
      const group = groups.get(name)
      if (group) group.nodes.push(id)
      else groups.set(name, { stage: now.stage, nodes: [id], changes })
    }
  }
  const changed = [...groups.values()]
  const isUnclear = changed.some(({ changes }) => changes.some(({ kind }) => kind === 'not-known'))
  return {
    changed,
    identities: isUnclear ? identityChanges(a, b) : [],
    following,
    same,
    only: {
      a: [...a.nodes.keys()].filter((id) => !b.nodes.has(id)),
      b: [...b.nodes.keys()].filter((id) => !a.nodes.has(id)),
    },
  }
}

/** Whether something before a node moved; where keys are known they tell it, else the graph does, in whose order nodes come. */
function follows(now: SideNode, before: SideNode, moved: ReadonlySet<string>): boolean {
  if (now.key !== undefined && before.key !== undefined) return true
  const refs = now.inputs ?? before.inputs
  if (!refs) return true
  return [...refs.values()].some((ref) => ref.type === 'stage' && moved.has(ref.node))
}

function changesOf(before: SideNode, now: SideNode): readonly Change[] | 'same' {
  if (before.key !== undefined && before.key === now.key) {
    const { outputs: old = {} } = before
    const isOther = Object.entries(now.outputs ?? {}).some(([name, digest]) => (old[name] ?? digest) !== digest)
    return isOther ? [{ kind: 'made-again' }] : 'same'
  }
  if (!before.preimage || !now.preimage) return [{ kind: 'not-known' }]
  if (before.preimage.stage !== now.preimage.stage)
    return [{ kind: 'stage-type', old: before.preimage.stage, new: now.preimage.stage }]
  const rewired = rewirings(before, now)
  const leftOut = new Set(rewired.map(({ input }) => input))
  const own = (preimage: Preimage): Preimage => ({
    ...preimage,
    inputs: Object.fromEntries(
      Object.entries(preimage.inputs).filter(([name, value]) => !isArtifact(value) && !leftOut.has(name)),
    ),
  })
  const refs = now.inputs ?? before.inputs ?? new Map<string, InputRef>()
  const reasons = staleReasons(own(now.preimage), own(before.preimage), refs)
  const told = reasons.flatMap((reason): Change[] => {
    switch (reason.kind) {
      case 'option':
      case 'model':
      case 'environment':
      case 'stage-version':
        return [reason]
      case 'input':
        return [dataChange(reason, before.preimage as Preimage, now.preimage as Preimage, refs)]
      default:
        return []
    }
  })
  return [...told, ...rewired]
}

function dataChange(
  { input, part }: Extract<StaleReason, { kind: 'input' }>,
  before: Preimage,
  now: Preimage,
  refs: ReadonlyMap<string, InputRef>,
): Change {
  const at = (preimage: Preimage): CanonicalValue | undefined => {
    const value = preimage.inputs[input]
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
    const members = value as { readonly [name: string]: CanonicalValue | undefined }
    return part === undefined ? (members.file ?? members.folder ?? value) : members[part]
  }
  const [old, fresh] = [at(before), at(now)]
  const ref = refs.get(input)
  return {
    kind: 'data',
    input,
    from: ref ? originOf(ref) : `input ${input}`,
    ...(part === undefined ? {} : { part }),
    ...(old === undefined ? {} : { old }),
    ...(fresh === undefined ? {} : { new: fresh }),
  }
}

/** Inputs that come from another place; where both come from stages, only pipelines tell which. */
function rewirings(before: SideNode, now: SideNode): Extract<Change, { kind: 'rewired' }>[] {
  const old = before.preimage?.inputs ?? {}
  const fresh = now.preimage?.inputs ?? {}
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])].sort().flatMap((input) => {
    const [from, to] = [placeOf(before, input), placeOf(now, input)]
    const areBoth = isArtifact(old[input]) && isArtifact(fresh[input])
    const isMoved = areBoth
      ? before.inputs !== undefined && now.inputs !== undefined && from !== to
      : isArtifact(old[input]) || isArtifact(fresh[input])
    return isMoved ? [{ kind: 'rewired' as const, input, old: from, new: to }] : []
  })
}

function placeOf({ inputs, preimage }: SideNode, input: string): string {
  const ref = inputs?.get(input)
  if (ref) return ref.type === 'stage' ? `${ref.node}, output ${ref.output}` : originOf(ref)
  const value = preimage?.inputs[input]
  return value === undefined ? 'nowhere' : isArtifact(value) ? 'a stage' : 'outside'
}

function isArtifact(value: CanonicalValue | undefined): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, 'artifact')
}

function identityChanges(a: Side, b: Side): IdentityChange[] {
  const { identities: before } = a
  const { identities: now } = b
  if (!before || !now) return []
  return IDENTITIES.flatMap((section) => {
    const names = new Set([...before[section].keys(), ...now[section].keys()])
    return [...names].sort().flatMap((name) => {
      const [old = null, fresh = null] = [before[section].get(name), now[section].get(name)]
      return JSON.stringify(old) === JSON.stringify(fresh) ? [] : [{ section, name, old, new: fresh }]
    })
  })
}
