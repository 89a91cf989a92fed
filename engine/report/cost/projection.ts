import type { ActionRecord } from '../../../cache/action-log.ts'
import { type CanonicalValue, canonicalBytes } from '../../../cache/canonical.ts'
import type { GraphNode } from '../../plan/node.ts'
import { readPreimage } from '../../plan/preimage.ts'
import type { Session } from '../../session.ts'
import { around, type Interval, meanOf, sumOf, times } from './interval.ts'
import { type MeasuredRows, measureRows } from './measured-rows.ts'

/** What is projected: so many passages, with so many queries asked for each. */
export interface Target {
  passages: number
  perPassage: number | undefined
  /** What an hour of the machine costs, if that is known. */
  perHour: number | undefined
}

/** One generator at the target's size; null where nothing was measured that would tell. */
export interface GeneratorProjection {
  node: string
  model: string
  per_passage: number
  requests: number
  pairs: number | null
  seconds: Interval | null
  input_tokens: Interval | null
  output_tokens: Interval | null
  /** By the prices of its model, or for its hours by `--per-hour`. */
  money: Interval | null
  row_bytes: Interval | null
  pair_bytes: number | null
  /** What could not be told, and why. */
  unknown: readonly string[]
}

/** Another stage at the target's size. */
export interface StageProjection {
  stage: string
  seconds: Interval | null
  unknown: readonly string[]
}

/** Time, money and storage at the target's size, from what past runs measured. */
export interface Projection {
  passages: number
  generators: readonly GeneratorProjection[]
  /** Encoding of the corpus: whole evaluations of models, search included. */
  encoding: readonly StageProjection[]
  /** Training, once over the pairs of the largest generator. */
  training: readonly StageProjection[]
  passage_bytes: number | null
  /** Generation, the slowest encoding and the slowest training, for each generator of which all are known. */
  totals: readonly { node: string; seconds: Interval; money: Interval | null }[]
}

type History = ReadonlyMap<string, readonly ActionRecord[]>

/** Projects the generators of a pipeline, with encoding and training, to a corpus of another size. */
export async function project(session: Session, target: Target): Promise<Projection> {
  const history = historyOf(session)
  const nodes = [...session.graph.nodes.values()]
  const generators: GeneratorProjection[] = []
  for (const node of nodes)
    if (node.inputs.get('model')?.type === 'llm' && node.outputs.pairs === 'pairs')
      generators.push(await generatorAt(session, node, history.get(node.id) ?? [], target))
  const encoding = stagesOf(nodes, (node) => node.outputs.scores !== undefined && node.inputs.has('model')).map(
    ([stage, members]) => encodingAt(stage, members, history, target),
  )
  const pairs = Math.max(0, ...generators.map((one) => one.pairs ?? one.requests))
  const training = stagesOf(nodes, (node) => node.outputs.model !== undefined)
    .filter(([, members]) => !trainsNothing(members, history))
    .map(([stage, members]) => trainingAt(stage, members, history, pairs))
  return {
    passages: target.passages,
    generators,
    encoding,
    training,
    passage_bytes: passageBytes(generators, history, target),
    totals: generators.flatMap((generator) => totalOf(generator, encoding, training, target)),
  }
}

function historyOf({ store, address, graph }: Session): History {
  const byNode = new Map<string, ActionRecord[]>()
  for (const { record } of store.actions.results()) {
    const { project, pipeline } = address(record.node as never)
    if (record.project !== project || record.pipeline !== pipeline || !graph.nodes.has(record.node as never)) continue
    const known = byNode.get(record.node)
    if (known) known.push(record)
    else byNode.set(record.node, [record])
  }
  return byNode
}

async function generatorAt(
  { store }: Session,
  node: GraphNode,
  all: readonly ActionRecord[],
  { passages, perPassage, perHour }: Target,
): Promise<GeneratorProjection> {
  const llm = node.inputs.get('model') as Extract<ReturnType<GraphNode['inputs']['get']>, { type: 'llm' }>
  const { per_passage: own = 1 } = node.options as { per_passage?: number }
  const per_passage = perPassage ?? own
  const asked = passages * per_passage
  const records = all.filter((record) => askedOf(store, record, llm.identity))
  const newest = records.at(-1)
  const rows: MeasuredRows = newest ? await measureRows(store, newest) : { rows: 0 }
  const counts = countsOf(newest)
  const before = (counts.passages ?? 0) * (newest ? perPassageOf(store, newest) : own)
  // Repairs and further attempts make more of them, several queries in one answer fewer.
  const requests = Math.round(before > 0 && rows.rows > 0 ? asked * (rows.rows / before) : asked)
  const each = secondsEach(records, rows)
  const prices = (llm.block as { endpoint?: string; prices?: { input?: number; output?: number } } | null) ?? {}
  const input_tokens = rows.input_tokens ? times(rows.input_tokens, requests) : null
  const output_tokens = rows.output_tokens ? times(rows.output_tokens, requests) : null
  const seconds = each ? times(each, requests) : null
  const money =
    prices.endpoint !== undefined && prices.prices && input_tokens && output_tokens
      ? sumOf([
          times(input_tokens, (prices.prices.input ?? 0) / 1e6),
          times(output_tokens, (prices.prices.output ?? 0) / 1e6),
        ])
      : prices.endpoint === undefined && perHour !== undefined && seconds
        ? times(seconds, perHour / 3600)
        : null
  const unknown: string[] = []
  if (!newest) unknown.push('it has never run with this model')
  else {
    if (!seconds) unknown.push('time: no request of it was measured')
    if (!input_tokens) unknown.push('tokens: its server did not count them')
  }
  if (!money && newest)
    unknown.push(
      prices.endpoint === undefined
        ? 'money: `--per-hour` says what an hour of the machine costs'
        : 'money: its model has no `prices`, or no tokens are known',
    )
  const file = newest?.outputs.pairs?.files.find((one) => one.path === 'pairs.jsonl')
  const pairs = before > 0 && counts.pairs !== undefined ? Math.round(asked * (counts.pairs / before)) : null
  return {
    node: node.id,
    model: llm.name,
    per_passage,
    requests,
    pairs,
    seconds,
    input_tokens,
    output_tokens,
    money,
    row_bytes: rows.bytes ? times(rows.bytes, requests) : null,
    pair_bytes: file && pairs !== null && counts.pairs ? Math.round((file.size / counts.pairs) * pairs) : null,
    unknown,
  }
}

/** Whether a result is by the model that the pipeline names now: what another one took tells nothing. */
function askedOf(store: Session['store'], record: ActionRecord, identity: CanonicalValue): boolean {
  const { model } = (readPreimage(store.actions.preimage(record.key))?.inputs.model ?? {}) as { model?: CanonicalValue }
  return model !== undefined && canonicalBytes('model', model).equals(canonicalBytes('model', identity))
}

function perPassageOf(store: Session['store'], record: ActionRecord): number {
  const { per_passage = 1 } = (readPreimage(store.actions.preimage(record.key))?.options ?? {}) as {
    per_passage?: number
  }
  return per_passage
}

// The time of whole runs where the ledger has it; how much it varies, from several runs or else from within one.
function secondsEach(records: readonly ActionRecord[], rows: MeasuredRows): Interval | undefined {
  const uses = records
    .flatMap(({ models }) => Object.values(models ?? {}))
    .filter((use) => use.new > 0 && use.seconds > 0)
  if (uses.length === 0) return rows.seconds
  const value = sum(uses.map(({ seconds }) => seconds)) / sum(uses.map((use) => use.new))
  const runs = meanOf(uses.map((use) => use.seconds / use.new))
  const observations = sum(uses.map((use) => use.new))
  const widths = [runs, rows.seconds]
    .filter((one) => one !== undefined && one.low !== null && one.value > 0)
    .map((one) => around(value, one as Interval))
    .sort((a, b) => b.high! - b.low! - (a.high! - a.low!))
  return { ...(widths[0] ?? { value, low: null, high: null }), observations }
}

function encodingAt(stage: string, nodes: readonly GraphNode[], history: History, target: Target): StageProjection {
  const each = nodes
    .flatMap(({ id }) => history.get(id) ?? [])
    .flatMap((record) => {
      const { passages = 0 } = countsOf(record)
      return passages > 0 ? [record.seconds / passages] : []
    })
  const [slowest] = [...each].sort((a, b) => b - a)
  if (slowest === undefined) return { stage, seconds: null, unknown: ['no evaluation was measured'] }
  // Vectors that were kept make an evaluation faster: only the slowest may have encoded everything.
  const low = Math.min(...each) * target.passages
  const value = slowest * target.passages
  return {
    stage,
    seconds: {
      value,
      low: each.length > 1 ? low : null,
      high: each.length > 1 ? value : null,
      observations: each.length,
    },
    unknown: [],
  }
}

// An untrained model stands in a pipeline as a baseline.
function trainsNothing(nodes: readonly GraphNode[], history: History): boolean {
  const seen = nodes.flatMap(({ id }) => history.get(id) ?? []).map((record) => countsOf(record).samples_seen)
  return seen.length > 0 && seen.every((samples) => samples === 0)
}

function trainingAt(stage: string, nodes: readonly GraphNode[], history: History, pairs: number): StageProjection {
  const each = nodes
    .flatMap(({ id }) => history.get(id) ?? [])
    .flatMap((record) => {
      const { samples_seen = 0 } = countsOf(record)
      return samples_seen > 0 ? [record.seconds / samples_seen] : []
    })
  const mean = meanOf(each)
  return mean
    ? { stage, seconds: times(mean, pairs), unknown: [] }
    : { stage, seconds: null, unknown: ['no training step was measured'] }
}

function totalOf(
  generator: GeneratorProjection,
  encoding: readonly StageProjection[],
  training: readonly StageProjection[],
  { perHour }: Target,
): Projection['totals'] {
  const slowest = (stages: readonly StageProjection[]): Interval[] | undefined => {
    if (stages.length === 0) return []
    const known = stages.map(({ seconds }) => seconds).filter((seconds) => seconds !== null)
    return known.length < stages.length ? undefined : known.sort((a, b) => b.value - a.value).slice(0, 1)
  }
  const rest = [slowest(encoding), slowest(training)]
  if (!generator.seconds || rest.includes(undefined)) return []
  const others = rest.flatMap((one) => one as Interval[])
  const machine = perHour === undefined ? [] : others.map((one) => times(one, perHour / 3600))
  return [
    {
      node: generator.node,
      seconds: sumOf([generator.seconds, ...others]),
      money:
        generator.money && (perHour !== undefined || others.length === 0) ? sumOf([generator.money, ...machine]) : null,
    },
  ]
}

function passageBytes(
  generators: readonly GeneratorProjection[],
  history: History,
  { passages }: Target,
): number | null {
  for (const { node } of generators) {
    const record = history.get(node)?.at(-1)
    const file = record?.outputs.pairs?.files.find((one) => one.path === 'passages.jsonl')
    const { passages: before = 0 } = countsOf(record)
    if (file && before > 0) return Math.round((file.size / before) * passages)
  }
  return null
}

function stagesOf(nodes: readonly GraphNode[], which: (node: GraphNode) => boolean): [string, GraphNode[]][] {
  const stages = new Map<string, GraphNode[]>()
  for (const node of nodes.filter(which)) stages.set(node.stage, [...(stages.get(node.stage) ?? []), node])
  return [...stages]
}

function countsOf(record: ActionRecord | undefined): { readonly [name: string]: number | undefined } {
  const { counts } = (record?.summary ?? {}) as { counts?: { [name: string]: number } }
  return counts ?? {}
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
