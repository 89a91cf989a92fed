import type { AnyStageDefinition, ArtifactKind, Json } from '../../stages/define.ts'
import type { StageBlock } from '../parse/pipeline.ts'
import type { GraphNode } from './node.ts'
import type { ResourceRequest } from './resources.ts'
import type { FoundReference } from './scan.ts'
import type { NodeSettings } from './settings.ts'
import type { BoundStage } from './stage-plan.ts'
import type { Projection, Variant } from './variants.ts'

/** A stage on its way to nodes. */
export interface GraphStage {
  block: StageBlock
  definition: AnyStageDefinition | undefined
  references: readonly FoundReference[]
  /** Axes of the params that its own block names. */
  own: readonly number[]
  /** Checked options by variant of `own`; absent where something is wrong. */
  checked: Map<Variant, CheckedStage>
  ownProjection: Projection
  /** Variants of `own` for which `when` is false. */
  absent: Set<Variant>
  /** Set once the stages that it needs have theirs. */
  nodes?: StageNodes
}

/** The nodes of a stage, by the variants of the axes that it depends on; a variant may have none. */
export interface StageNodes {
  projection: Projection
  byVariant: ReadonlyMap<Variant, GraphNode>
}

/** A stage under one variant of its own axes, with nothing wrong in it. */
export interface CheckedStage {
  stage: BoundStage
  options: Json
  outputs: { readonly [name: string]: ArtifactKind }
  settings: NodeSettings
  resources: ResourceRequest
  corpusFrom: readonly string[] | undefined
  /** Inputs in the order of their names. */
  inputs: readonly string[]
}
