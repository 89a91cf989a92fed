import { compareUtf8 } from '../../cache/canonical.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { pathOf, pointerOf } from '../parse/path-text.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import { variantsAgreeing } from './agreeing.ts'
import type { Binding } from './bind.ts'
import type { CheckedStage, GraphStage, StageNodes } from './graph-stage.ts'
import type { Lineages } from './lineage.ts'
import { reportInBlock } from './locate-problem.ts'
import type { Members } from './members.ts'
import type { GraphNode, InputRef, NodeId } from './node.ts'
import { listsAt, slotsOf } from './schema-walk.ts'
import type { Projection, Variant, Variants } from './variants.ts'

type StageBinding = Extract<Binding, { type: 'stage' }>

/** What the one member of a labelled list is called where nothing is swept. */
const ONLY = 'only'

interface Context {
  pipeline: Pipeline
  variants: Variants
  stages: ReadonlyMap<string, GraphStage>
  sources: Members
  lineages: Lineages
  diagnostics: Diagnostics
}

/** Finds out what the inputs of nodes refer to; a node is asked for only after all that it needs. */
export class NodeInputs {
  readonly #context: Context
  /** By the axes of the reader and of what it reads. */
  readonly #agreeing = new Map<string, ReturnType<typeof variantsAgreeing>>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Nodes that it would read and that are absent. A list over variants merely lacks them, unless it lacks all. */
  absent(found: CheckedStage, variant: Variant, projection: Projection): readonly NodeId[] {
    const on = new Set<NodeId>()
    for (const binding of found.stage.bound.bindings.values()) {
      if (binding.type !== 'stage') continue
      const { byVariant } = this.#nodesOf(binding)
      const read = this.#read(binding, variant, projection)
      if (read.some((one) => byVariant.has(one))) continue
      for (const { suffix } of read) on.add((binding.stage + suffix) as NodeId)
    }
    return [...on]
  }

  /** By name, sorted: the inputs that are written, and those that follow from them. Undefined after reporting. */
  of(
    id: NodeId,
    stage: GraphStage,
    found: CheckedStage,
    variant: Variant,
    projection: Projection,
  ): ReadonlyMap<string, InputRef> | undefined {
    const inputs = new Map<string, InputRef>()
    for (const name of found.inputs) {
      const binding = found.stage.bound.bindings.get(name)!
      if (binding.type === 'stage') {
        for (const [member, ref] of this.#fromStage(name, binding, variant, projection)) inputs.set(member, ref)
        continue
      }
      const ref = this.#fromSource(binding, variant)
      if (!ref) return undefined
      inputs.set(name, ref)
    }
    this.#context.lineages.enter(id, inputs, found.corpusFrom)
    return stage.definition?.implied ? this.#withImplied(stage, found, inputs, variant) : inputs
  }

  *#fromStage(
    name: string,
    binding: StageBinding,
    variant: Variant,
    projection: Projection,
  ): Generator<[string, InputRef]> {
    const { variants } = this.#context
    const { output, all, candidates } = binding
    const nodes = this.#nodesOf(binding)
    const ref = (node: GraphNode): InputRef => ({ type: 'stage', node: node.id, output, kind: node.outputs[output]! })
    const read = this.#read(binding, variant, projection).filter((one) => nodes.byVariant.has(one))
    const folded = variants.over(nodes.projection.axes.filter((axis) => !projection.axes.includes(axis)))
    for (const [i, one] of read.entries()) {
      const node = nodes.byVariant.get(one)!
      if (!all) yield [name, ref(node)]
      else if (listsAt(candidates) === 'labelled')
        yield [`${name}/${pointerOf([variants.project(one, folded).suffix.slice(1, -1) || ONLY])}`, ref(node)]
      else yield [`${name}/${i}`, ref(node)]
    }
  }

  #nodesOf({ stage }: StageBinding): StageNodes {
    return this.#context.stages.get(stage)!.nodes!
  }

  /** The variants of the other stage that a reference means: one, or for a list those that agree on shared axes. */
  #read(binding: StageBinding, variant: Variant, projection: Projection): readonly Variant[] {
    const { variants } = this.#context
    const other = this.#nodesOf(binding).projection
    if (!binding.all) return [variants.project(variant, other)]
    const pair = `${projection.axes.join()} ${other.axes.join()}`
    const agreeing = this.#agreeing.get(pair) ?? variantsAgreeing(other, projection, variants)
    this.#agreeing.set(pair, agreeing)
    return agreeing(variant)
  }

  #fromSource(binding: Exclude<Binding, { type: 'stage' }>, variant: Variant): InputRef | undefined {
    const { sources } = this.#context
    switch (binding.type) {
      case 'dataset': {
        const { name: dataset, split, at, origin } = binding
        if (split !== undefined)
          return sources.bindDataset({ name: dataset, split, parts: ['queries', 'qrels'] }, variant, at, origin)
        const slot = slotsOf(binding.candidates).find(({ accepts }) => accepts.includes('dataset'))
        const parts = slot?.parts ?? ['corpus']
        return sources.bindDataset({ name: dataset, parts }, variant, at, origin)
      }
      case 'model':
        return sources.model(binding.name, variant)
      case 'file':
        return binding.ref
    }
  }

  /** Adds the inputs that follow from others; those written win. */
  #withImplied(
    { block, definition, references }: GraphStage,
    { options, stage: { bound } }: CheckedStage,
    inputs: ReadonlyMap<string, InputRef>,
    variant: Variant,
  ): ReadonlyMap<string, InputRef> | undefined {
    const { sources, lineages, pipeline, diagnostics } = this.#context
    const lineage = lineages.of(inputs, (dataset) => sources.dataset(dataset, variant))
    const implied = definition?.implied?.(options, lineage) ?? []
    if (implied.length === 0) return inputs
    const base = ['stages', block.name, 'with']
    const all = new Map(inputs)
    for (const one of implied) {
      if ('error' in one) {
        const facts = { path: pathOf(one.at), what: 'value', code: 'lineage', message: one.error } as const
        const problem = one.advice === undefined ? facts : { ...facts, advice: one.advice }
        reportInBlock([problem], bound, base, pipeline, diagnostics)
        return undefined
      }
      if ('pairs' in one) {
        const { node, output } = one.pairs
        all.set(one.input, { type: 'stage', node: node as NodeId, output, kind: 'pairs' })
        continue
      }
      // Near its own place, if nobody wrote a reference to its dataset.
      const at = (): Position => {
        const written = references.find(({ reference: { root, name } }) => root === 'datasets' && name === one.dataset)
        if (!written) return pipeline.locate([...base, ...pathOf(one.input)])
        return pipeline.locateText(written.path, written.reference.index, written.reference.text.length)
      }
      if (!sources.axesOf('datasets', one.dataset).every((axis) => variant.indexes[axis] !== undefined)) {
        const message = `dataset \`${one.dataset}\` depends on an axis that stage \`${block.name}\` does not depend on`
        diagnostics.error(at(), { code: 'lineage', message })
        return undefined
      }
      const { dataset: name, parts, split } = one
      const wanted = split === undefined ? { name, parts } : { name, parts, split }
      const ref = sources.bindDataset(wanted, variant, at, undefined)
      if (!ref) return undefined
      if (!all.has(one.input)) all.set(one.input, ref)
    }
    return new Map([...all].sort(([a], [b]) => compareUtf8(a, b)))
  }
}
