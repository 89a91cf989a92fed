import { compareUtf8 } from '../../cache/canonical.ts'
import type { AnyStageDefinition, ArtifactKind, Json, Registry } from '../../stages/define.ts'
import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import { Diagnostics } from '../parse/diagnostics.ts'
import { pathOf } from '../parse/path-text.ts'
import { factsOf, type Pipeline, type StageBlock } from '../parse/pipeline.ts'
import { suggest } from '../parse/suggest.ts'
import type { Scope } from './bind.ts'
import { findCycles } from './cycle.ts'
import type { OutputKinds } from './edge.ts'
import { Files } from './files.ts'
import { reportCycle, reportStageType, warnOfIdleAxes } from './graph-problems.ts'
import { Lineages } from './lineage.ts'
import { reportInBlock } from './locate-problem.ts'
import { Members } from './members.ts'
import type { Graph, GraphNode, InputRef, NodeId } from './node.ts'
import { Outside, type Question } from './outside.ts'
import { type FoundReference, Scanner } from './scan.ts'
import { slotsOf } from './schema-walk.ts'
import type { NodeSettings } from './settings.ts'
import { orderStages } from './stage-order.ts'
import { type BoundStage, bindStage, checkStage } from './stage-plan.ts'
import { type Projection, type Variant, Variants } from './variants.ts'

/** Most nodes that a pipeline may have. */
const MAX_NODES = 100_000

/** The graph of a pipeline, or what is wrong with it (warnings may come with a graph). */
export interface BuiltGraph {
  graph?: Graph
  diagnostics: readonly Diagnostic[]
  /** What was asked about files, datasets and models: for as long as the answers are the same, so is the graph. */
  questions: readonly Question[]
}

/** Expands a pipeline into nodes with typed, bound inputs. Reads prompts and looks at files; starts nothing. */
export function buildGraph(pipeline: Pipeline, registry: Registry): BuiltGraph {
  const outside = new Outside(registry)
  const builder = new GraphBuilder(pipeline, outside)
  const graph = builder.build()
  const { questions } = outside
  return { ...(graph ? { graph } : {}), diagnostics: builder.diagnostics.sorted(pipeline.file), questions }
}

/** A stage on its way to nodes. */
interface Stage {
  block: StageBlock
  definition: AnyStageDefinition | undefined
  references: readonly FoundReference[]
  /** Axes of the params that its own block names. */
  own: readonly number[]
  /** Checked options by variant of `own`; absent where something is wrong. */
  checked: Map<Variant, Checked>
  ownProjection: Projection
  /** Set once the stages that it needs have theirs. */
  nodes?: { projection: Projection; byVariant: ReadonlyMap<Variant, GraphNode> }
}

interface Checked {
  stage: BoundStage
  options: Json
  outputs: { readonly [name: string]: ArtifactKind }
  settings: NodeSettings
  cpus: number
  corpusFrom: readonly string[] | undefined
  /** Inputs in the order of their names. */
  inputs: readonly string[]
}

class GraphBuilder {
  readonly diagnostics = new Diagnostics()
  readonly #pipeline: Pipeline
  readonly #registry: Registry
  readonly #variants: Variants
  readonly #files: Files
  readonly #sources: Members
  readonly #scanner: Scanner
  readonly #stages = new Map<string, Stage>()
  readonly #lineages = new Lineages()
  readonly #nodes = new Map<NodeId, GraphNode>()

  constructor(pipeline: Pipeline, outside: Outside) {
    const { registry } = outside
    this.#pipeline = pipeline
    this.#registry = registry
    const { diagnostics } = this
    this.#variants = new Variants(pipeline, diagnostics)
    this.#files = new Files(pipeline.root, outside, diagnostics)
    this.#scanner = new Scanner(pipeline, registry, diagnostics)
    this.#sources = new Members({
      pipeline,
      registry,
      variants: this.#variants,
      files: this.#files,
      scanner: this.#scanner,
      diagnostics,
    })
  }

  build(): Graph | undefined {
    for (const block of Object.values(this.#pipeline.stages)) this.#stages.set(block.name, this.#scan(block))
    const bound = new Map([...this.#stages].map(([name, stage]) => [name, this.#bind(stage)]))
    const outputs = new Map([...bound].map(([name, variants]) => [name, outputKinds(variants)]))
    for (const [name, stage] of this.#stages) this.#check(stage, bound.get(name)!, outputs)
    const needs = new Map([...this.#stages].map(([name, stage]) => [name, this.#needs(stage)]))
    const { order, stuck } = orderStages(needs)
    const references = (name: string): readonly FoundReference[] => this.#stages.get(name)!.references
    for (const cycle of findCycles(needs, stuck)) reportCycle(cycle, references, this.#pipeline, this.diagnostics)
    for (const name of order) if (!this.#instantiate(this.#stages.get(name)!)) break
    if (this.diagnostics.errors > 0) return undefined
    const used = [...this.#stages.values()].flatMap(({ nodes }) => nodes?.projection.axes ?? [])
    warnOfIdleAxes(new Set(used), this.#pipeline, this.diagnostics)
    const dependents = new Map<NodeId, NodeId[]>([...this.#nodes.keys()].map((id) => [id, []]))
    for (const { id, needs: needed } of this.#nodes.values())
      for (const other of needed) dependents.get(other)!.push(id)
    return { pipeline: factsOf(this.#pipeline), nodes: this.#nodes, dependents, datasets: this.#sources.allDatasets() }
  }

  #scan(block: StageBlock): Stage {
    const { name, uses } = block
    const known = Object.hasOwn(this.#registry.stages, uses)
    if (!known && uses !== '')
      reportStageType(name, Object.keys(this.#registry.stages), this.#pipeline, this.diagnostics)
    const references = [
      ...this.#scanner.scan(block.with as Json, ['stages', name, 'with']),
      ...Object.entries(block.settings).flatMap(([key, value]) =>
        this.#scanner.scan(value, ['stages', name, key], `\`${key}\``),
      ),
    ]
    for (const [i, other] of block.after.entries()) {
      if (Object.hasOwn(this.#pipeline.stages, other)) continue
      const near = suggest(other, Object.keys(this.#pipeline.stages))
      this.diagnostics.error(this.#pipeline.locate(['stages', name, 'after', i]), {
        code: 'unknown-reference',
        message: `there is no stage \`${other}\``,
        ...(near === undefined ? {} : { suggestion: near }),
      })
    }
    const own = new Set<number>()
    for (const { reference } of references) {
      const axis = reference.root === 'params' ? this.#variants.axisOf(reference.name) : undefined
      if (axis !== undefined) own.add(axis)
    }
    const ownProjection = this.#variants.over(own)
    const definition = known ? this.#registry.stages[uses]! : undefined
    return { block, definition, references, own: ownProjection.axes, checked: new Map(), ownProjection }
  }

  #bind({ block, definition, ownProjection }: Stage): Map<Variant, BoundStage> {
    const bound = new Map<Variant, BoundStage>()
    if (!definition) return bound
    for (const variant of ownProjection.variants) bound.set(variant, bindStage(block, definition, this.#scope(variant)))
    return bound
  }

  #check(
    { block, definition, checked }: Stage,
    bound: ReadonlyMap<Variant, BoundStage>,
    outputs: ReadonlyMap<string, OutputKinds | undefined>,
  ): void {
    if (!definition) return
    for (const [variant, stage] of bound) {
      const result = checkStage(block, definition, stage, (name) => outputs.get(name), this.#scope(variant))
      if (!result || !stage.settings) continue
      checked.set(variant, {
        stage,
        ...result,
        settings: stage.settings,
        cpus: stage.settings.cpus ?? definition.cpus?.(result.options) ?? 1,
        corpusFrom: definition.corpusFrom?.(result.options),
        inputs: [...stage.bound.bindings.keys()].sort(compareUtf8),
      })
    }
  }

  #scope(variant: Variant): Scope {
    return {
      pipeline: this.#pipeline,
      params: variant.suffix === '' ? this.#pipeline.params : { ...this.#pipeline.params, ...variant.values },
      files: this.#files,
      diagnostics: this.diagnostics,
      inputs: true,
    }
  }

  #needs({ block, references }: Stage): Set<string> {
    const needed = new Set<string>()
    for (const { reference } of references) if (reference.root === 'stages') needed.add(reference.name)
    for (const name of block.after) if (this.#stages.has(name)) needed.add(name)
    return needed
  }

  /** Makes the nodes of a stage whose needs have theirs. False if there are too many to go on. */
  #instantiate(stage: Stage): boolean {
    const { block, references, own } = stage
    const axes = new Set(own)
    for (const { reference } of references) {
      const { root, name } = reference
      if (root === 'params') continue
      const from = root === 'stages' ? this.#stages.get(name)!.nodes?.projection.axes : this.#sources.axesOf(root, name)
      if (!from) return true
      for (const axis of from) axes.add(axis)
    }
    const projection = this.#variants.over(axes)
    if (this.#nodes.size + projection.variants.length > MAX_NODES) {
      const at = this.#pipeline.locate(['stages', block.name], 'key')
      this.diagnostics.error(at, { code: 'too-large', message: `the pipeline has more than ${MAX_NODES} nodes` })
      return false
    }
    const after = block.after.flatMap((name) => this.#stages.get(name) ?? [])
    if (after.some(({ nodes }) => !nodes)) return true
    const waits = after.map((other) => this.#nodesAgreeing(other, projection))
    const byVariant = new Map<Variant, GraphNode>()
    for (const variant of projection.variants) {
      const node = this.#node(stage, variant, waits)
      if (!node) return true
      byVariant.set(variant, node)
    }
    for (const node of byVariant.values()) this.#nodes.set(node.id, node)
    stage.nodes = { projection, byVariant }
    return true
  }

  #node(
    { block, definition, checked, ownProjection }: Stage,
    variant: Variant,
    waits: readonly ((variant: Variant) => readonly NodeId[])[],
  ): GraphNode | undefined {
    const found = checked.get(this.#variants.project(variant, ownProjection))
    if (!definition || !found) return undefined
    const { stage, options, outputs, settings, cpus, corpusFrom } = found
    const id = (block.name + variant.suffix) as NodeId
    const inputs = new Map<string, InputRef>()
    const needs = new Set<NodeId>()
    for (const name of found.inputs) {
      const ref = this.#input(stage, name, variant)
      if (!ref) return undefined
      inputs.set(name, ref)
      if (ref.type === 'stage') needs.add(ref.node)
    }
    for (const wait of waits) for (const other of wait(variant)) needs.add(other)
    this.#lineages.enter(id, inputs, corpusFrom)
    const { bound } = stage
    const all = definition.implied ? this.#withImplied(block, definition, options, inputs, variant, bound) : inputs
    if (!all) return undefined
    const pipeline = this.#pipeline
    return {
      id,
      stage: block.name,
      definition,
      variant: variant.labels,
      options,
      inputs: all,
      outputs,
      needs: [...needs],
      env: settings.env,
      passEnv: block.passEnv,
      cpus,
      ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
      retry: settings.retry,
      allowFailed: settings.allowFailed,
      // Looked up only when asked for: few nodes ever are.
      get position(): Position {
        return pipeline.locate(['stages', block.name], 'key')
      },
    }
  }

  #input({ bound }: BoundStage, name: string, variant: Variant): InputRef | undefined {
    const binding = bound.bindings.get(name)!
    switch (binding.type) {
      case 'stage': {
        const { nodes } = this.#stages.get(binding.stage)!
        const node = nodes!.byVariant.get(this.#variants.project(variant, nodes!.projection))!
        return { type: 'stage', node: node.id, output: binding.output, kind: node.outputs[binding.output]! }
      }
      case 'dataset': {
        const { name: dataset, split } = binding
        if (split !== undefined)
          return this.#sources.bindDataset({ name: dataset, split, parts: ['queries', 'qrels'] }, variant, binding.at)
        const slot = slotsOf(binding.candidates).find(({ accepts }) => accepts.includes('dataset'))
        const parts = slot?.parts ?? ['corpus']
        return this.#sources.bindDataset({ name: dataset, parts }, variant, binding.at)
      }
      case 'llm':
        return this.#sources.model(binding.name, variant)
      case 'file':
        return binding.ref
    }
  }

  /** Adds the inputs that follow from others; those written win. */
  #withImplied(
    block: StageBlock,
    definition: AnyStageDefinition,
    options: Json,
    inputs: ReadonlyMap<string, InputRef>,
    variant: Variant,
    bound: BoundStage['bound'],
  ): ReadonlyMap<string, InputRef> | undefined {
    const lineage = this.#lineages.of(inputs, (dataset) => this.#sources.dataset(dataset, variant))
    const implied = definition.implied?.(options, lineage) ?? []
    if (implied.length === 0) return inputs
    const base = ['stages', block.name, 'with']
    const all = new Map(inputs)
    for (const one of implied) {
      if ('error' in one) {
        const facts = { path: pathOf(one.at), what: 'value', code: 'lineage', message: one.error } as const
        const problem = one.advice === undefined ? facts : { ...facts, advice: one.advice }
        reportInBlock([problem], bound, base, this.#pipeline, this.diagnostics)
        return undefined
      }
      const at = (): Position => this.#impliedPlace(block, one.input, one.dataset)
      if (!this.#sources.axesOf('datasets', one.dataset).every((axis) => variant.indexes[axis] !== undefined)) {
        const message = `dataset \`${one.dataset}\` depends on an axis that stage \`${block.name}\` does not depend on`
        this.diagnostics.error(at(), { code: 'lineage', message })
        return undefined
      }
      const { dataset: name, parts, split } = one
      const ref = this.#sources.bindDataset(split === undefined ? { name, parts } : { name, parts, split }, variant, at)
      if (!ref) return undefined
      if (!all.has(one.input)) all.set(one.input, ref)
    }
    return new Map([...all].sort(([a], [b]) => compareUtf8(a, b)))
  }

  /** Where to report about an input that nobody wrote: at the reference to its dataset, else near its place. */
  #impliedPlace(block: StageBlock, input: string, dataset: string): Position {
    const stage = this.#stages.get(block.name)!
    const written = stage.references.find(({ reference: { root, name } }) => root === 'datasets' && name === dataset)
    if (!written) return this.#pipeline.locate(['stages', block.name, 'with', ...pathOf(input)])
    const { path, reference } = written
    return this.#pipeline.locateText(path, reference.index, reference.text.length)
  }

  /** For `after`: the nodes of a stage that have the same labels on the axes that both depend on. */
  #nodesAgreeing(other: Stage, projection: Projection): (variant: Variant) => readonly NodeId[] {
    const { nodes } = other
    const shared = this.#variants.over(projection.axes.filter((axis) => nodes!.projection.axes.includes(axis)))
    const groups = new Map<Variant, NodeId[]>()
    for (const [variant, { id }] of nodes!.byVariant) {
      const key = this.#variants.project(variant, shared)
      const group = groups.get(key)
      if (group) group.push(id)
      else groups.set(key, [id])
    }
    return (variant) => groups.get(this.#variants.project(variant, shared)) ?? []
  }
}

/** What outputs a stage has in all variants, or undefined if that can't be told. */
function outputKinds(variants: ReadonlyMap<Variant, BoundStage>): OutputKinds | undefined {
  let common: Map<string, Set<ArtifactKind>> | undefined
  for (const { outputs } of variants.values()) {
    if (!outputs) return undefined
    if (!common) common = new Map(Object.entries(outputs).map(([name, kind]) => [name, new Set([kind])]))
    else {
      for (const [name, kinds] of common) {
        if (Object.hasOwn(outputs, name)) kinds.add(outputs[name]!)
        else common.delete(name)
      }
    }
  }
  return common
}
