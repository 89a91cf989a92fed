import { compareUtf8 } from '../../cache/canonical.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { pathOf } from '../parse/path-text.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import type { CheckedStage, GraphStage } from './graph-stage.ts'
import type { Lineages } from './lineage.ts'
import { reportInBlock } from './locate-problem.ts'
import type { Members } from './members.ts'
import type { InputRef, NodeId } from './node.ts'
import { slotsOf } from './schema-walk.ts'
import type { Variant, Variants } from './variants.ts'

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

  constructor(context: Context) {
    this.#context = context
  }

  /** By name, sorted: the inputs that are written, and those that follow from them. Undefined after reporting. */
  of(id: NodeId, stage: GraphStage, found: CheckedStage, variant: Variant): ReadonlyMap<string, InputRef> | undefined {
    const inputs = new Map<string, InputRef>()
    for (const name of found.inputs) {
      const ref = this.#input(found, name, variant)
      if (!ref) return undefined
      inputs.set(name, ref)
    }
    this.#context.lineages.enter(id, inputs, found.corpusFrom)
    return stage.definition?.implied ? this.#withImplied(stage, found, inputs, variant) : inputs
  }

  #input({ stage: { bound } }: CheckedStage, name: string, variant: Variant): InputRef | undefined {
    const { stages, sources, variants } = this.#context
    const binding = bound.bindings.get(name)!
    switch (binding.type) {
      case 'stage': {
        const { nodes } = stages.get(binding.stage)!
        const node = nodes!.byVariant.get(variants.project(variant, nodes!.projection))!
        return { type: 'stage', node: node.id, output: binding.output, kind: node.outputs[binding.output]! }
      }
      case 'dataset': {
        const { name: dataset, split } = binding
        if (split !== undefined)
          return sources.bindDataset({ name: dataset, split, parts: ['queries', 'qrels'] }, variant, binding.at)
        const slot = slotsOf(binding.candidates).find(({ accepts }) => accepts.includes('dataset'))
        const parts = slot?.parts ?? ['corpus']
        return sources.bindDataset({ name: dataset, parts }, variant, binding.at)
      }
      case 'llm':
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
      const ref = sources.bindDataset(split === undefined ? { name, parts } : { name, parts, split }, variant, at)
      if (!ref) return undefined
      if (!all.has(one.input)) all.set(one.input, ref)
    }
    return new Map([...all].sort(([a], [b]) => compareUtf8(a, b)))
  }
}
