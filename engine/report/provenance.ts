import { relative } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import type { Store } from '../../cache/store.ts'
import type { GraphNode, InputRef, NodeId } from '../plan/node.ts'
import { originOf, readPreimage } from '../plan/preimage.ts'
import { flatOptions } from './flat-options.ts'
import { countsOf, type Newest, type NewestResult } from './newest.ts'
import { rowKeysOf, type ShownRow, shownRow } from './result-rows.ts'
import { type SampleRow, sampleOf } from './samples.ts'

/** How a result was made, as its record and what its key was made of tell it. */
export interface MadeNode {
  node: NodeId
  stage: string
  uses: string
  /** Whether it is what the pipeline would give now. */
  fresh: boolean
  key: string
  run: string
  engine: string
  made: string
  seconds: number
  inputs: readonly MadeInput[]
  /** Options that decide the result, by pointer. */
  options: { readonly [pointer: string]: CanonicalValue }
  outputs: readonly { name: string; kind: string; digest: string; bytes: number }[]
  counts: { readonly [name: string]: number }
  accepted?: string
  /** The remote or bundle that it was taken from. */
  origin?: string
}

/** What a result was made from: another node, a prompt or a model of the lists, or something known by its digest. */
export interface MadeInput {
  input: string
  from: string
  node?: NodeId
  /** The digest of what it gave then, where its newest result is another. */
  earlier?: string
  /** Place among the prompts or models of the provenance. */
  prompt?: number
  model?: number
  identity?: CanonicalValue
}

/** Everything that the numbers of a report were made from. */
export interface Provenance {
  nodes: readonly MadeNode[]
  prompts: readonly CanonicalValue[]
  models: readonly { name: string; identity: CanonicalValue }[]
  /** Rows of outputs by their digest; of large sweeps those that came first. */
  samples: { readonly [digest: string]: readonly SampleRow[] }
  /** Answers of models that a node was made from, with where each came from. */
  answers: { readonly [node: string]: readonly ShownRow[] }
}

const MOST_SAMPLES = 150
const MOST_ASKING = 40
const ANSWERS = 2

/** Gathers how all newest results were made; paths are told from `root`. */
export async function provenanceOf(
  newest: Newest,
  store: Pick<Store, 'actions' | 'blobs' | 'rows'>,
  root: string,
): Promise<Provenance> {
  const lists: Lists = { newest, root, prompts: new Listed(), models: new Listed() }
  const samples: { [digest: string]: SampleRow[] } = {}
  const answers: { [node: string]: ShownRow[] } = {}
  const nodes: MadeNode[] = []
  for (const one of newest.values()) {
    const { node, record } = one
    nodes.push(madeNode(one, store, lists))
    for (const output of Object.values(record.outputs)) {
      if (Object.hasOwn(samples, output.digest) || Object.keys(samples).length >= MOST_SAMPLES) continue
      const rows = await sampleOf(output, store.blobs)
      if (rows.length > 0) samples[output.digest] = rows
    }
    if (record.rows && Object.keys(answers).length < MOST_ASKING) {
      const keys = (await rowKeysOf(store, record)).slice(0, ANSWERS)
      const rows = await store.rows.getMany(keys)
      answers[node.id] = [...rows].map(([key, value]) => shownRow(key, value))
    }
  }
  return { nodes, prompts: lists.prompts.all, models: lists.models.all, samples, answers }
}

function madeNode(one: NewestResult, store: Pick<Store, 'actions'>, lists: Lists): MadeNode {
  const { node, record, fresh } = one
  const preimage = readPreimage(store.actions.preimage(record.key))
  const { accepted, origin } = record
  return {
    node: node.id,
    stage: node.stage,
    uses: node.definition.type,
    fresh,
    key: record.key,
    run: record.run,
    engine: record.engine,
    made: record.startedAt,
    seconds: record.seconds,
    inputs: Object.entries(preimage?.inputs ?? {}).map(([input, identity]) => madeInput(input, identity, node, lists)),
    options: preimage ? flatOptions(preimage.options) : {},
    outputs: Object.entries(record.outputs).map(([name, { kind, digest, files }]) => ({
      name,
      kind,
      digest,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    })),
    counts: countsOf(one),
    ...(accepted && { accepted: accepted.why }),
    ...(origin && { origin: 'remote' in origin ? `remote ${origin.remote}` : `bundle ${origin.bundle}` }),
  }
}

function madeInput(
  input: string,
  identity: CanonicalValue,
  node: GraphNode,
  { newest, root, prompts, models }: Lists,
): MadeInput {
  const ref: InputRef | undefined = node.inputs.get(input)
  const from = ref ? sourceOf(ref, root) : 'not in the pipeline any more'
  const { prompt, model } = (identity ?? {}) as { prompt?: CanonicalValue; model?: CanonicalValue }
  if (prompt !== undefined) return { input, from, prompt: prompts.place(prompt) }
  if (model !== undefined) {
    const name = ref && 'name' in ref ? ref.name : input
    return { input, from, model: models.place({ name, identity: model }) }
  }
  if (ref?.type !== 'stage') return { input, from, identity }
  const { artifact } = (identity ?? {}) as { artifact?: string }
  const now = newest.get(ref.node)?.record.outputs[ref.output]?.digest
  return { input, from, node: ref.node, ...(artifact !== undefined && artifact !== now && { earlier: artifact }) }
}

interface Lists {
  newest: Newest
  root: string
  prompts: Listed<CanonicalValue>
  models: Listed<{ name: string; identity: CanonicalValue }>
}

// A report is sent to others: where a project lies on a disk is nobody's concern.
function sourceOf(ref: InputRef, root: string): string {
  return ref.type === 'path' || ref.type === 'prompt' ? relative(root, ref.path) : originOf(ref)
}

/** Different values in the order in which they came. */
class Listed<Value extends CanonicalValue | { readonly [name: string]: CanonicalValue }> {
  readonly all: Value[] = []
  readonly #places = new Map<string, number>()

  place(value: Value): number {
    const text = Buffer.from(canonicalBytes('listed', value as CanonicalValue)).toString('latin1')
    const known = this.#places.get(text)
    if (known !== undefined) return known
    this.#places.set(text, this.all.length)
    return this.all.push(value) - 1
  }
}
