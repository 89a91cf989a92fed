import { compareUtf8 } from '../../cache/canonical.ts'
import type { Json, Registry } from '../../stages/define.ts'
import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import { Diagnostics } from '../parse/diagnostics.ts'
import { factsOf, type Pipeline, type StageBlock } from '../parse/pipeline.ts'
import { stagesThereAre } from '../parse/stages-there-are.ts'
import { suggest } from '../parse/suggest.ts'
import { variantsAgreeing } from './agreeing.ts'
import type { Scope } from './bind.ts'
import { markCircularJudges } from './circular-judges.ts'
import { findCycles } from './cycle.ts'
import type { OutputKinds } from './edge.ts'
import { Files } from './files.ts'
import { reportCycle, reportNothingLeft, reportStageType, warnOfIdleAxes } from './graph-problems.ts'
import type { CheckedStage, GraphStage } from './graph-stage.ts'
import { Lineages } from './lineage.ts'
import { Members } from './members.ts'
import type { AbsentNode, Graph, GraphNode, InputRef, NodeId } from './node.ts'
import { NodeInputs } from './node-inputs.ts'
import { outputKinds } from './output-kinds.ts'
import { Outside, type Question } from './outside.ts'
import { readPools } from './pools.ts'
import { type FoundReference, Scanner } from './scan.ts'
import { keepShownApart } from './shown-queries.ts'
import { orderStages } from './stage-order.ts'
import { type BoundStage, bindStage, checkStage } from './stage-plan.ts'
import { type Variant, Variants } from './variants.ts'

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

class GraphBuilder {
  readonly diagnostics = new Diagnostics()
  readonly #pipeline: Pipeline
  readonly #registry: Registry
  readonly #variants: Variants
  readonly #files: Files
  readonly #sources: Members
  readonly #scanner: Scanner
  readonly #pools: { readonly [pool: string]: number }
  readonly #stages = new Map<string, GraphStage>()
  readonly #inputs: NodeInputs
  readonly #nodes = new Map<NodeId, GraphNode>()
  readonly #absent: AbsentNode[] = []

  constructor(pipeline: Pipeline, outside: Outside) {
    const { registry } = outside
    this.#pipeline = pipeline
    this.#registry = registry
    const { diagnostics } = this
    this.#variants = new Variants(pipeline, diagnostics)
    this.#files = new Files(pipeline.root, outside, diagnostics)
    this.#scanner = new Scanner(pipeline, registry, diagnostics)
    const context = {
      pipeline,
      registry,
      variants: this.#variants,
      files: this.#files,
      scanner: this.#scanner,
      diagnostics,
    }
    this.#sources = new Members(context)
    this.#pools = readPools(context)
    this.#inputs = new NodeInputs({
      pipeline,
      variants: this.#variants,
      stages: this.#stages,
      sources: this.#sources,
      lineages: new Lineages(),
      diagnostics,
    })
  }

  build(): Graph | undefined {
    this.#scanner.scanParams()
    for (const block of Object.values(this.#pipeline.stages)) this.#stages.set(block.name, this.#scan(block))
    const bound = new Map([...this.#stages].map(([name, stage]) => [name, this.#bind(stage)]))
    const outputs = new Map(
      [...bound].map(([name, variants]) => [name, outputKinds(this.#stages.get(name)!.definition, variants.values())]),
    )
    for (const [name, stage] of this.#stages) this.#check(stage, bound.get(name)!, outputs)
    const needs = new Map([...this.#stages].map(([name, stage]) => [name, this.#needs(stage)]))
    const { order, stuck } = orderStages(needs)
    const references = (name: string): readonly FoundReference[] => this.#stages.get(name)!.references
    for (const cycle of findCycles(needs, stuck)) reportCycle(cycle, references, this.#pipeline, this.diagnostics)
    for (const name of order) if (!this.#instantiate(this.#stages.get(name)!)) break
    keepShownApart(this.#nodes.values(), this.#pipeline, this.diagnostics)
    markCircularJudges(this.#nodes)
    if (this.diagnostics.errors === 0 && this.#nodes.size === 0)
      reportNothingLeft(this.#absent, this.#pipeline, this.diagnostics)
    if (this.diagnostics.errors > 0) return undefined
    const used = [...this.#stages.values()].flatMap(({ nodes }) => nodes?.projection.axes ?? [])
    warnOfIdleAxes(new Set(used), this.#pipeline, this.diagnostics)
    const dependents = new Map<NodeId, NodeId[]>([...this.#nodes.keys()].map((id) => [id, []]))
    for (const { id, needs: needed } of this.#nodes.values())
      for (const other of needed) dependents.get(other)!.push(id)
    return {
      pipeline: factsOf(this.#pipeline),
      nodes: this.#nodes,
      dependents,
      absent: this.#absent,
      datasets: this.#sources.allDatasets(),
      pools: this.#pools,
    }
  }

  #scan(block: StageBlock): GraphStage {
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
        ...(near === undefined ? { advice: stagesThereAre(this.#pipeline.stages) } : { suggestion: near }),
      })
    }
    const own = new Set<number>()
    for (const { reference } of references) {
      const axis = reference.root === 'params' ? this.#variants.axisOf(reference.name) : undefined
      if (axis !== undefined) own.add(axis)
    }
    const ownProjection = this.#variants.over(own)
    const definition = known ? this.#registry.stages[uses]! : undefined
    return {
      block,
      definition,
      references,
      own: ownProjection.axes,
      checked: new Map(),
      ownProjection,
      absent: new Set(),
    }
  }

  #bind({ block, definition, ownProjection, absent }: GraphStage): Map<Variant, BoundStage> {
    const bound = new Map<Variant, BoundStage>()
    if (!definition) return bound
    for (const variant of ownProjection.variants) {
      const stage = bindStage(block, definition, this.#scope(variant))
      if (stage) bound.set(variant, stage)
      else absent.add(variant)
    }
    return bound
  }

  #check(
    { block, definition, checked }: GraphStage,
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
        resources: { cpus: definition.cpus?.(result.options) ?? 1, ...stage.settings.resources },
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
      pools: this.#pools,
      inputs: true,
    }
  }

  #needs({ block, references }: GraphStage): Set<string> {
    const needed = new Set<string>()
    for (const { reference } of references) if (reference.root === 'stages') needed.add(reference.name)
    for (const name of block.after) if (this.#stages.has(name)) needed.add(name)
    return needed
  }

  /** Makes the nodes of a stage whose needs have theirs. False if there are too many to go on. */
  #instantiate(stage: GraphStage): boolean {
    const { block, references, own } = stage
    const axes = new Set(own)
    for (const { reference } of references) {
      const { root, name } = reference
      if (root === 'params') continue
      const from = root === 'stages' ? this.#stages.get(name)!.nodes?.projection.axes : this.#sources.axesOf(root, name)
      if (!from) return true
      // A list over variants folds the axes of its stage instead of handing them on.
      if (!reference.all) for (const axis of from) axes.add(axis)
    }
    const projection = this.#variants.over(axes)
    if (this.#nodes.size + projection.variants.length > MAX_NODES) {
      const at = this.#pipeline.locate(['stages', block.name], 'key')
      this.diagnostics.error(at, {
        code: 'too-large',
        message: `the pipeline has more than ${MAX_NODES} nodes`,
        advice: 'Sweep over less, or split it.',
      })
      return false
    }
    const waits: ((variant: Variant) => readonly GraphNode[])[] = []
    for (const name of block.after) {
      const other = this.#stages.get(name)
      if (!other) continue
      if (!other.nodes) return true
      const { byVariant } = other.nodes
      const agreeing = variantsAgreeing(other.nodes.projection, projection, this.#variants)
      waits.push((variant) => agreeing(variant).flatMap((one) => byVariant.get(one) ?? []))
    }
    const byVariant = new Map<Variant, GraphNode>()
    for (const variant of projection.variants) {
      const id = (block.name + variant.suffix) as NodeId
      const own = this.#variants.project(variant, stage.ownProjection)
      if (stage.absent.has(own)) {
        this.#absent.push({ id, stage: block.name, because: { kind: 'when' } })
        continue
      }
      const found = stage.checked.get(own)
      if (!found) return true
      const on = this.#inputs.absent(found, variant, projection)
      if (on.length > 0) {
        this.#absent.push({ id, stage: block.name, because: { kind: 'needs', on } })
        continue
      }
      const inputs = this.#inputs.of(id, stage, found, variant, projection)
      if (!inputs) return true
      byVariant.set(
        variant,
        this.#node(
          id,
          stage,
          found,
          variant,
          inputs,
          waits.flatMap((wait) => wait(variant)),
        ),
      )
    }
    for (const node of byVariant.values()) this.#nodes.set(node.id, node)
    stage.nodes = { projection, byVariant }
    return true
  }

  #node(
    id: NodeId,
    { block, definition }: GraphStage,
    found: CheckedStage,
    variant: Variant,
    inputs: ReadonlyMap<string, InputRef>,
    after: readonly GraphNode[],
  ): GraphNode {
    const { options, outputs, settings, resources } = found
    const needs = new Set<NodeId>()
    for (const ref of inputs.values()) if (ref.type === 'stage') needs.add(ref.node)
    for (const other of after) needs.add(other.id)
    const pipeline = this.#pipeline
    return {
      id,
      stage: block.name,
      definition: definition!,
      variant: variant.labels,
      options,
      inputs,
      outputs,
      needs: [...needs],
      env: settings.env,
      passEnv: block.passEnv,
      resources,
      ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
      retry: settings.retry,
      ...(settings.executor === undefined ? {} : { executor: settings.executor }),
      // Looked up only when asked for: few nodes ever are.
      get position(): Position {
        return pipeline.locate(['stages', block.name], 'key')
      },
    }
  }
}
