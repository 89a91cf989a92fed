import type { CanonicalValue } from '../../cache/canonical.ts'
import type { AnyStageDefinition, ArtifactKind, DatasetFiles, DatasetPlace, Json } from '../../stages/define.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { PipelineFacts } from '../parse/pipeline.ts'
import type { ResourceRequest } from './resources.ts'

declare const nodeId: unique symbol
/** `queries[density=3,scale=0.5]`: the stage and the axes it depends on, sorted by name. */
export type NodeId = string & { readonly [nodeId]: true }

/** What an input of a node refers to, before anything has run. */
export type InputRef =
  | { type: 'stage'; node: NodeId; output: string; kind: ArtifactKind }
  | {
      type: 'dataset'
      name: string
      split?: string
      /** Where the parts lie that the slot reads. */
      parts: { corpus?: DatasetPlace; queries?: DatasetPlace; qrels?: DatasetPlace }
    }
  | { type: 'llm'; name: string; block: Json; folder: string; identity: CanonicalValue }
  | {
      type: 'encoder'
      kind: 'encoder' | 'cross-encoder'
      name: string
      block: Json
      folder: string
      identity: CanonicalValue
    }
  | { type: 'prompt'; path: string; value: Json }
  /** A file, a folder, or (where `base` is given) what a glob matched below that folder. */
  | { type: 'path'; path: string; folder: boolean; matches?: readonly string[] }

/** How a failing stage is tried again. */
export interface Retry {
  /** Attempts in all. */
  attempts: number
  backoffMs: number
  /** As a job: after one that ran out of memory, so many times as much is asked for. */
  memory?: number
}

/** One node: a stage under one combination of the axes it depends on. */
export interface GraphNode {
  id: NodeId
  stage: string
  definition: AnyStageDefinition
  /** Labels by axis, sorted by name; replicate axes included. */
  variant: { readonly [axis: string]: string }
  /** Defaults applied, references resolved, inputs replaced by markers. */
  options: Json
  /** By pointer within `with`, sorted. */
  inputs: ReadonlyMap<string, InputRef>
  outputs: { readonly [name: string]: ArtifactKind }
  /** Nodes that must have finished: those of `inputs` and of `after`. */
  needs: readonly NodeId[]
  env: { readonly [name: string]: string }
  passEnv: readonly string[]
  resources: ResourceRequest
  timeoutMs?: number
  retry: Retry
  /** Where it runs, if the pipeline says so; never part of its key. */
  executor?: 'local' | 'slurm'
  /** Of the stage's name in the pipeline. */
  position: Position
}

/** A node that there would be if `when` of its stage, or of one that it reads from, were true. */
export interface AbsentNode {
  id: NodeId
  stage: string
  /** `when`: its own stage says so. `needs`: it would read these, and they are absent. */
  because: { kind: 'when' } | { kind: 'needs'; on: readonly NodeId[] }
}

/** Every node of a pipeline, in topological order, and who needs whom. */
export interface Graph {
  pipeline: PipelineFacts
  nodes: ReadonlyMap<NodeId, GraphNode>
  dependents: ReadonlyMap<NodeId, readonly NodeId[]>
  /** What `when` leaves out, in topological order. */
  absent: readonly AbsentNode[]
  datasets: { readonly [name: string]: DatasetFiles }
  /** Sizes by name. */
  pools: { readonly [pool: string]: number }
}
