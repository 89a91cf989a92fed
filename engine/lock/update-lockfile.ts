import { readFileSync } from 'node:fs'
import type { ActionRecord } from '../../cache/action-log.ts'
import { writeFileAtomic } from '../../cache/durable.ts'
import type { Json } from '../../stages/define.ts'
import type { Graph, NodeId } from '../plan/node.ts'
import type { SourceFiles } from '../plan/source-files.ts'
import { identitiesOf, identityNames } from './identities.ts'
import { lockText } from './lock-text.ts'
import { EMPTY_LOCK, IDENTITIES, type Identities, type LockedNode, type Lockfile } from './lockfile.ts'

/**
 * A lockfile after a run: results that the run made or found replace those that stood there, nodes that are not in the
 * graph any more are gone, and all others (not chosen, failed, incomplete) stay as they were.
 */
export function updatedLock(
  before: Lockfile = EMPTY_LOCK,
  graph: Graph,
  sources: SourceFiles,
  results: ReadonlyMap<NodeId, ActionRecord>,
): Lockfile {
  const nodes = new Map<string, LockedNode>()
  const replaced = []
  for (const node of graph.nodes.values()) {
    const record = results.get(node.id)
    const old = before.nodes.get(node.id)
    if (record && record.incomplete === 0) {
      nodes.set(node.id, old && isSame(old, record) ? old : lockedNode(record))
      replaced.push(node)
    } else if (old) nodes.set(node.id, old)
  }
  const names = identityNames(graph)
  const now = identitiesOf(replaced, graph, sources)
  const merged = (section: keyof Identities): ReadonlyMap<string, Json> => {
    const kept = [...before[section]].filter(([name]) => names[section].has(name))
    return new Map([...kept, ...now[section]])
  }
  const after = { nodes, datasets: merged('datasets'), models: merged('models'), prompts: merged('prompts') }
  const sections = ['nodes', ...IDENTITIES] as const
  return sections.every((section) => haveSameMembers(after[section], before[section])) ? before : after
}

function isSame({ key, outputs }: LockedNode, record: ActionRecord): boolean {
  const names = Object.keys(outputs)
  return (
    key === record.key &&
    names.length === Object.keys(record.outputs).length &&
    names.every((name) => outputs[name] === record.outputs[name]?.digest)
  )
}

function haveSameMembers(one: ReadonlyMap<string, Json | LockedNode>, other: typeof one): boolean {
  const isSameMember = ([name, member]: [string, Json | LockedNode]): boolean =>
    other.get(name) === member || JSON.stringify(other.get(name)) === JSON.stringify(member)
  return one.size === other.size && [...one].every(isSameMember)
}

/** The block of a result. */
function lockedNode({ key, outputs }: ActionRecord): LockedNode {
  return { key, outputs: Object.fromEntries(Object.entries(outputs).map(([name, { digest }]) => [name, digest])) }
}

/** Writes a lockfile as a whole, unless the same bytes stand there. */
export async function writeLockfile(file: string, lock: Lockfile): Promise<void> {
  const text = lockText(lock)
  if (text !== read(file)) await writeFileAtomic(file, text)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
