import type { Store } from '../../../cache/store.ts'
import type { Registry } from '../../../stages/define.ts'
import type { AxisFacts, ReportBlock } from '../../parse/pipeline.ts'
import { type AnalysisChange, analysisChanges } from './analysis-changes.ts'
import { type Changes, changesBetween } from './changes.ts'
import { type CollectionEffect, type Effects, effectsBetween, type PairedSystem } from './effects.ts'
import { type QueryChanges, type QueryRequest, queryChanges } from './query-changes.ts'
import type { Side } from './side.ts'

/** One of the two that are compared, as it is told of. */
export interface ToldSide {
  kind: Side['kind']
  name: string
  about: string | null
  nodes: number
  notes: readonly string[]
}

/** Nodes of one side that have no result here, why, and what to do. */
export interface Missing {
  side: 'a' | 'b'
  nodes: readonly string[]
  why: string
  advice: string
}

/** What `compare --json` prints; `schema` is raised when a program would misread it. */
export interface SidesComparison {
  schema: 1
  a: ToldSide
  b: ToldSide
  changes: Changes
  effects: readonly CollectionEffect[]
  analyses: readonly AnalysisChange[]
  missing: readonly Missing[]
  queries: QueryChanges | null
  notes: readonly string[]
}

/** What is asked beside the two sides. */
export interface ComparisonRequest {
  /** Lends its axes, report and files to sides that have none: the pipeline as it is now. */
  base?: Side | undefined
  queries?: QueryRequest
  /** The system whose queries are shown: its label, its stage or one of its nodes. */
  system?: string
}

/** Compares two sides: what changed, what it did, and what can't be told. */
export async function compareSides(
  one: Side,
  other: Side,
  { base, queries, system }: ComparisonRequest,
  services: { blobs: Pick<Store['blobs'], 'check' | 'locate'>; datasets: Registry['datasets'] },
): Promise<SidesComparison> {
  const [a, b] = [inOrder(one, base), inOrder(other, base)]
  const notes: string[] = []
  const told = [b, a, base].flatMap((side) => side?.pipeline ?? [])
  const facts = { axes: axesOf(told), report: told[0]?.report ?? ({} as ReportBlock), base }
  if (told.length === 0)
    notes.push('no pipeline file tells which axes are replicates: every node is compared by itself')
  const effects = await effectsBetween(a, b, facts, services.blobs)
  return {
    schema: 1,
    a: toldSide(a),
    b: toldSide(b),
    changes: changesBetween(a, b),
    effects: effects.collections,
    analyses: await analysisChanges(a, b, services.blobs),
    missing: [...missingOf('a', a, effects.lost.a), ...missingOf('b', b, effects.lost.b)],
    queries: queries ? await chosenQueries(a, b, base, { queries, system }, effects, services) : null,
    notes,
  }
}

async function chosenQueries(
  a: Side,
  b: Side,
  base: Side | undefined,
  { queries, system }: { queries: QueryRequest; system: string | undefined },
  effects: Effects,
  services: Parameters<typeof queryChanges>[4],
): Promise<QueryChanges | null> {
  const pair = system === undefined ? mostMoved(effects) : effects.paired.find((one) => isCalled(one, system))
  const metric = effects.collections.find(({ systems }) => systems.some((one) => one.system === pair?.label))
    ?.metrics[0]
  return pair && metric !== undefined ? queryChanges(pair, metric, queries, { a, b, base }, services) : null
}

function mostMoved({ collections, paired }: Effects): PairedSystem | undefined {
  const tested = collections.flatMap(({ metrics, systems }) =>
    systems.flatMap(({ outcome, system, metrics: of }) => {
      const moved = Math.abs(of[metrics[0] ?? '']?.difference ?? 0)
      return outcome === 'tested' ? [{ system, moved }] : []
    }),
  )
  const [first] = tested.sort((x, y) => y.moved - x.moved)
  return paired.find(({ label }) => label === first?.system)
}

function isCalled({ label, b }: PairedSystem, name: string): boolean {
  return label === name || b.stage === name || b.results.some(({ node }) => node.id === name)
}

// Runs and lockfiles have an order of their own, which tells nobody anything.
function inOrder(side: Side, base: Side | undefined): Side {
  if (side.graph || !base) return side
  const rank = new Map([...base.nodes.keys()].map((id, i) => [id, i]))
  const rankOf = (id: string): number => rank.get(id) ?? rank.size
  return { ...side, nodes: new Map([...side.nodes].sort(([x], [y]) => rankOf(x) - rankOf(y))) }
}

// An axis is a replicate where either side says so.
function axesOf(pipelines: readonly { axes: readonly AxisFacts[] }[]): readonly AxisFacts[] {
  const axes = new Map<string, AxisFacts>()
  for (const axis of pipelines.flatMap((one) => one.axes))
    if (!axes.has(axis.param) || axis.replicate) axes.set(axis.param, axis)
  return [...axes.values()]
}

function toldSide({ kind, name, about, nodes, notes }: Side): ToldSide {
  return { kind, name, about: about ?? null, nodes: nodes.size, notes }
}

function missingOf(side: 'a' | 'b', { nodes }: Side, lost: readonly string[]): Missing[] {
  const groups = new Map<string, Missing & { nodes: string[] }>()
  const add = (id: string, why: string, advice: string): void => {
    const name = JSON.stringify([why, advice])
    const group = groups.get(name)
    if (group) group.nodes.push(id)
    else groups.set(name, { side, nodes: [id], why, advice })
  }
  for (const { id, missing } of nodes.values()) if (missing) add(id, missing.why, missing.advice)
  for (const id of lost)
    add(
      id,
      'files of its result are missing or damaged in the store',
      'queryloom cache verify tells; a run makes them again',
    )
  return [...groups.values()]
}
