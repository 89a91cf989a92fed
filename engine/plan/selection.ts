import { namedNodes, unknownName } from './named-nodes.ts'
import type { Graph, NodeId } from './node.ts'

/** What people ask for, each by the names of stages or nodes. */
export interface SelectionRequest {
  /** These, with what they need. */
  only?: readonly string[]
  /** These and everything after them, with what all of it needs. */
  from?: readonly string[]
  /** Executed again even where their results are there; stored rows are served. */
  force?: readonly string[]
  /** Executed again, and every row of theirs asked for again. */
  reobserve?: readonly string[]
}

/** The nodes that a plan is about; closed under what a node needs. */
export interface Selection {
  nodes: ReadonlySet<NodeId>
  forced: ReadonlySet<NodeId>
  /** Not among the forced ones. */
  reobserved: ReadonlySet<NodeId>
}

/** Every node, none of them forced. */
export function everything(graph: Pick<Graph, 'nodes'>): Selection {
  return { nodes: new Set(graph.nodes.keys()), forced: new Set(), reobserved: new Set() }
}

/** The nodes that a request means, or what is wrong with its names. */
export function selectNodes(graph: Graph, request: SelectionRequest): Selection | { problems: readonly string[] } {
  const problems: string[] = []
  const named = (names: readonly string[] = []): Set<NodeId> => {
    const found = new Set<NodeId>()
    for (const name of names) {
      const nodes = namedNodes(graph, name)
      if (nodes.length === 0) problems.push(unknownName(graph, name))
      for (const id of nodes) found.add(id)
    }
    return found
  }
  const only = named(request.only)
  const from = named(request.from)
  const forced = named(request.force)
  const reobserved = named(request.reobserve)
  const isAll = only.size + from.size === 0
  const later = closure(from, (id) => graph.dependents.get(id) ?? [])
  const nodes = isAll
    ? new Set(graph.nodes.keys())
    : closure(new Set([...only, ...later]), (id) => graph.nodes.get(id)?.needs ?? [])
  for (const [flag, names] of [
    ['--force', request.force],
    ['--reobserve', request.reobserve],
  ] as const) {
    for (const name of names ?? []) {
      const meant = namedNodes(graph, name)
      if (meant.length > 0 && !meant.some((id) => nodes.has(id)))
        problems.push(`${flag} ${name}: it is not needed by what was chosen to run`)
    }
  }
  for (const name of request.reobserve ?? []) {
    const meant = namedNodes(graph, name)
    if (meant.length > 0 && !meant.some((id) => asksModel(graph, id)))
      problems.push(`--reobserve ${name}: it asks no language model. --force ${name} executes it again`)
  }
  if (problems.length > 0) return { problems: [...new Set(problems)] }
  const within = (ids: ReadonlySet<NodeId>): NodeId[] => [...ids].filter((id) => nodes.has(id))
  const asked = new Set(within(reobserved).filter((id) => asksModel(graph, id)))
  return { nodes, forced: new Set(within(forced).filter((id) => !asked.has(id))), reobserved: asked }
}

function asksModel(graph: Graph, id: NodeId): boolean {
  return [...(graph.nodes.get(id)?.inputs.values() ?? [])].some(({ type }) => type === 'llm')
}

function closure(start: ReadonlySet<NodeId>, next: (id: NodeId) => readonly NodeId[]): Set<NodeId> {
  const all = new Set(start)
  // A set hands over what is added to it while it is walked.
  for (const id of all) for (const other of next(id)) all.add(other)
  return all
}
