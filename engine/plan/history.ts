import type { ActionLog, ActionRecord, NodeAddress } from '../../cache/action-log.ts'
import type { GraphNode, NodeId } from './node.ts'

/** What a node would ask of models, as far as it decides how long it takes. */
export interface Work {
  requests: number
  cached_requests: number
}

/** Results of other nodes that are looked at for one stage or stage type. */
const ENOUGH = 64

/**
 * What earlier results say about nodes: those of the node itself, else of other variants of its stage, else of other
 * stages of its type. Where none of them can tell, the answer is null, never a guess out of nothing.
 */
export class History {
  readonly #actions: Pick<ActionLog, 'head'>
  readonly #address: (node: NodeId) => NodeAddress
  readonly #byStage = new Map<string, GraphNode[]>()
  readonly #byType = new Map<string, GraphNode[]>()
  readonly #records = new Map<readonly GraphNode[], readonly ActionRecord[]>()

  constructor(actions: Pick<ActionLog, 'head'>, address: (node: NodeId) => NodeAddress, nodes: Iterable<GraphNode>) {
    this.#actions = actions
    this.#address = address
    for (const node of nodes) {
      add(this.#byStage, node.stage, node)
      add(this.#byType, node.definition.type, node)
    }
  }

  /** The newest result of a node, whatever its key. */
  last(node: NodeId): ActionRecord | undefined {
    return this.#actions.head(this.#address(node))?.record
  }

  /** Seconds that a node would take for this work: as long as before, in proportion to the requests that are new. */
  seconds(node: GraphNode, work: Work): number | null {
    return this.#first(node, (record) => scaledSeconds(record, work))
  }

  /** Rows that a node of the same stage had, where nothing else tells; other stages say nothing about it. */
  rows(node: GraphNode): number | null {
    const own = this.last(node.id)
    if (own) return rowsOf(own)
    const rows = median(this.#recordsOf(this.#byStage.get(node.stage) ?? []).map(rowsOf))
    return rows === null ? null : Math.round(rows)
  }

  #first(node: GraphNode, of: (record: ActionRecord) => number | undefined): number | null {
    const own = this.last(node.id)
    const told = own && of(own)
    if (told !== undefined) return told
    for (const group of [this.#byStage.get(node.stage), this.#byType.get(node.definition.type)]) {
      const found = median(this.#recordsOf(group ?? []).map(of))
      if (found !== null) return found
    }
    return null
  }

  #recordsOf(nodes: readonly GraphNode[]): readonly ActionRecord[] {
    let records = this.#records.get(nodes)
    if (!records) {
      const found: ActionRecord[] = []
      for (const { id } of nodes) {
        const record = this.last(id)
        if (record) found.push(record)
        if (found.length === ENOUGH) break
      }
      records = found
      this.#records.set(nodes, records)
    }
    return records
  }
}

function scaledSeconds({ seconds, requests: before }: ActionRecord, now: Work): number | undefined {
  // A request takes far longer than a stored row: a result says nothing about a kind of work that it had none of.
  if (now.requests > 0) return before.sent > 0 ? (seconds * now.requests) / before.sent : undefined
  if (before.sent > 0) return undefined
  if (now.cached_requests > 0) return before.cached > 0 ? (seconds * now.cached_requests) / before.cached : undefined
  return before.cached > 0 ? undefined : seconds
}

function rowsOf({ requests: { sent, cached } }: ActionRecord): number {
  return sent + cached
}

function median(values: readonly (number | undefined)[]): number | null {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) return null
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

function add(groups: Map<string, GraphNode[]>, name: string, node: GraphNode): void {
  const group = groups.get(name)
  if (group) group.push(node)
  else groups.set(name, [node])
}
