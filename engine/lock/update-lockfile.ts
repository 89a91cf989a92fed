import { readFileSync } from 'node:fs'
import type { ActionRecord } from '../../cache/action-log.ts'
import { writeFileAtomic } from '../../cache/durable.ts'
import type { Json } from '../../stages/define.ts'
import type { Graph, NodeId } from '../plan/node.ts'
import type { SourceFiles } from '../plan/source-files.ts'
import { identitiesOf, identityNames } from './identities.ts'
import { lockText } from './lock-text.ts'
import { EMPTY_LOCK, type Identities, type LockedNode, type Lockfile } from './lockfile.ts'

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
      nodes.set(node.id, lockedNode(record))
      replaced.push(node)
    } else if (old) nodes.set(node.id, old)
  }
  const names = identityNames(graph)
  const now = identitiesOf(replaced, graph, sources)
  const merged = (section: keyof Identities): ReadonlyMap<string, Json> => {
    const kept = [...before[section]].filter(([name]) => names[section].has(name))
    return new Map([...kept, ...now[section]])
  }
  return { nodes, datasets: merged('datasets'), models: merged('models'), prompts: merged('prompts') }
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
