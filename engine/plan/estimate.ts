import { createReadStream } from 'node:fs'
import type { RowKey } from '../../cache/digest.ts'
import type { Memos } from '../../cache/memos.ts'
import type { Store } from '../../cache/store.ts'
import type { Estimate, Json, PlanContext, PredictedOutput, StageInput } from '../../stages/define.ts'
import { processorDeadline } from '../util/processor-deadline.ts'
import type { NodeEstimate } from './decision.ts'
import { memosOf } from './memos.ts'
import type { GraphNode, NodeId } from './node.ts'

const MAX_ROWS = 200_000
const MAX_BYTES = 256 * 1024 * 1024
const PREDICTION_MS = 2_000
const CHUNK_BYTES = 1 << 18

/** A node's estimate, and the keys that the totals of a graph are the union of. */
export interface KeyedEstimate {
  estimate: NodeEstimate
  missing: readonly RowKey[]
  stored: readonly RowKey[]
  /** Requests that are neither: their rows can't be named yet. */
  further?: number
  /** Nothing tells the number of its requests. */
  unknown?: true
}

export const NOTHING: KeyedEstimate = {
  estimate: { exact: true, requests: 0, cached_requests: 0, tokens: null, seconds: null, money: null },
  missing: [],
  stored: [],
}

/**
 * Counts the requests of nodes that have not run: from stored rows where their inputs are there, else from what the
 * nodes before them would write, as far as those can say so (`predict`: at most 200k rows and 2 s of processor time
 * each).
 */
export class Estimator {
  readonly #store: Store
  readonly #nodes: ReadonlyMap<NodeId, GraphNode>
  readonly #input: (node: GraphNode, name: string) => StageInput | undefined
  readonly #predictions = new Map<NodeId, Promise<{ readonly [output: string]: PredictedOutput } | 'unknown'>>()
  readonly #signal: AbortSignal
  readonly #memos: Memos

  constructor(
    store: Store,
    nodes: ReadonlyMap<NodeId, GraphNode>,
    input: (node: GraphNode, name: string) => StageInput | undefined,
    signal: AbortSignal,
  ) {
    this.#store = store
    this.#nodes = nodes
    this.#input = input
    this.#signal = signal
    this.#memos = memosOf(store)
  }

  /** What this node would ask; only rows since `round` count as stored. Of time it knows nothing. */
  async estimate(node: GraphNode, round: number): Promise<KeyedEstimate> {
    const { definition } = node
    if (!definition.estimate) return NOTHING
    const answer: Estimate = await definition.estimate(this.#context(node, this.#signal, round))
    const { further = 0 } = answer
    const notes = answer.notes && answer.notes.length > 0 ? { notes: answer.notes } : {}
    if (!answer.keys) {
      const { requests, tokens = null, money = null } = answer
      const estimate = { ...NOTHING.estimate, exact: false, requests: requests ?? 0, tokens, money, ...notes }
      return { ...NOTHING, estimate, ...(requests === undefined ? { unknown: true } : {}) }
    }
    const distinct = [...new Set(answer.keys)]
    const known = distinct.length > 0 ? await this.#store.rows.known(distinct, round) : new Set<RowKey>()
    const missing = distinct.filter((key) => !known.has(key))
    const stored = distinct.filter((key) => known.has(key))
    const share = distinct.length > 0 ? (missing.length + further) / (distinct.length + further) : 0
    return {
      estimate: {
        exact: answer.exact,
        requests: missing.length + further,
        cached_requests: stored.length,
        tokens: answer.tokens === undefined ? null : Math.round(answer.tokens * share),
        seconds: null,
        money: answer.money === undefined ? null : answer.money * share,
        ...notes,
      },
      ...(further === 0 ? {} : { further }),
      missing,
      stored,
    }
  }

  /** Every stored row that this node could ask for; undefined where that can't be told. */
  async storedRows(node: GraphNode): Promise<readonly RowKey[] | undefined> {
    const { definition } = node
    if (!definition.rows) return []
    const keys = await definition.rows(this.#context(node, this.#signal))
    const known = keys && (await this.#store.rows.known(keys))
    return known && [...known]
  }

  #context(node: GraphNode, signal: AbortSignal, round = 0): PlanContext<never> {
    return {
      options: node.options as never,
      inputNames: [...node.inputs.keys()],
      input: (name) => this.#input(node, name),
      inputRows: (name, file) => this.#inputRows(node, name, file),
      known: (keys) => this.#store.rows.known(keys, round),
      stored: (keys) => this.#store.rows.getMany(keys, round),
      memos: this.#memos,
      signal,
    }
  }

  async #inputRows(node: GraphNode, name: string, file: string): Promise<readonly Json[] | undefined> {
    const known = this.#input(node, name)
    if (known?.type === 'artifact') {
      const stored = known.files.find((candidate) => candidate.path === file)
      return stored && stored.size <= MAX_BYTES ? readRows(stored.location) : undefined
    }
    const ref = node.inputs.get(name)
    if (ref?.type !== 'stage') return undefined
    const predicted = await this.#predict(ref.node)
    return predicted === 'unknown' ? undefined : predicted[ref.output]?.[file]
  }

  #predict(id: NodeId): Promise<{ readonly [output: string]: PredictedOutput } | 'unknown'> {
    let prediction = this.#predictions.get(id)
    if (!prediction) {
      const node = this.#nodes.get(id) as GraphNode
      const { signal, end } = processorDeadline(PREDICTION_MS)
      const deadline = AbortSignal.any([this.#signal, signal])
      prediction = (
        node.definition.predict?.(this.#context(node, deadline)).catch(() => 'unknown' as const) ??
        Promise.resolve('unknown' as const)
      ).finally(end)
      this.#predictions.set(id, prediction)
    }
    return prediction
  }
}

async function readRows(location: string): Promise<readonly Json[] | undefined> {
  const rows: Json[] = []
  let begun = ''
  const chunks = createReadStream(location, { encoding: 'utf8', highWaterMark: CHUNK_BYTES }) as AsyncIterable<string>
  for await (const chunk of chunks) {
    const lines = (begun + chunk).split('\n')
    begun = lines.pop() as string
    for (const line of lines) if (line.trim() !== '') rows.push(JSON.parse(line))
    if (rows.length > MAX_ROWS) return undefined
  }
  if (begun.trim() !== '') rows.push(JSON.parse(begun))
  return rows.length > MAX_ROWS ? undefined : rows
}
