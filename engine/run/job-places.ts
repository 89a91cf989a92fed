import { join } from 'node:path'
import type { Store } from '../../cache/store.ts'
import type { Json, Registry, ServiceStageDefinition, TaskArrays } from '../../stages/define.ts'
import type { GraphNode } from '../plan/node.ts'
import { packageRoot } from '../util/package-root.ts'
import { modelResources } from './gpus/needs.ts'
import { nodeResources } from './jobs/node-resources.ts'
import { taskArrays } from './jobs/task-arrays.ts'
import type { Profile } from './slurm/profile.ts'
import { slurmCalls } from './slurm/slurm-commands.ts'
import { SlurmExecutor } from './slurm/slurm-executor.ts'
import { StageJobs } from './stage-jobs.ts'

/** Which nodes of a run run elsewhere, whole or in tasks, and where that is. */
export interface JobPlaces {
  /** What is needed of this machine for a node: less than it says where it runs elsewhere. */
  here(node: GraphNode): GraphNode
  /** Whether a node runs elsewhere, or the larger part of it. */
  isElsewhere(node: GraphNode): boolean
  /** Opened once a run. `onNote` is told of what happens to the cluster. */
  open(store: Pick<Store, 'root' | 'memo'>, onNote: (note: string) => void): Elsewhere
}

/** Runs what runs elsewhere. */
export interface Elsewhere {
  /** Where vectors of texts are kept, whoever computes them. */
  embeddings: string
  has(node: GraphNode): boolean
  /** Of a node that is one job. */
  jobs(node: GraphNode): StageJobs | undefined
  /** Of a node that stays with the run and hands parts of its work out. */
  arrays(node: GraphNode, signal: AbortSignal): TaskArrays | undefined
}

/** Tasks of an array, where a profile says nothing. */
const SHARDS = 8

/** What the pipeline and a profile say of where nodes run. What works with the run's own rows stays here. */
export function jobPlaces(profile: Profile, models: Registry['models'], leave: () => boolean): JobPlaces {
  const isOnCluster = ({ stage, executor }: GraphNode): boolean =>
    (executor ?? profile.place(stage).executor) === 'slurm'
  const isJob = (node: GraphNode): boolean => node.definition.elsewhere !== false && isOnCluster(node)
  const hasTasks = (node: GraphNode): boolean => servedInTasks(node, models) !== undefined && isOnCluster(node)
  return {
    here: (node) => (isJob(node) ? partHere(node) : hasTasks(node) ? withoutServer(node) : node),
    isElsewhere: (node) => isJob(node) || hasTasks(node),
    open: ({ root, memo }, onNote) => {
      const { call } = slurmCalls()
      const place = {
        executor: new SlurmExecutor({ call, settings: ({ stage = '' }) => profile.place(stage).settings, onNote }),
        folder: profile.sharedFolder ?? join(root, 'slurm'),
        embeddings: join(profile.sharedFolder ?? root, 'embeddings'),
        of: (stage: string) => ({ shards: SHARDS, ...profile.place(stage) }),
        visible: profile.visible,
        before: profile.before,
        program: profile.node ?? process.execPath,
        queryloom: profile.queryloom ?? packageRoot,
        leave,
      }
      const jobs = new StageJobs(place, memo, models)
      return {
        embeddings: place.embeddings,
        has: (node) => isJob(node) || hasTasks(node),
        jobs: (node) => (isJob(node) ? jobs : undefined),
        arrays: (node, signal) => {
          const block = hasTasks(node) ? servedInTasks(node, models) : undefined
          if (block === undefined) return undefined
          const { shards, atOnce, ...defaults } = place.of(node.stage)
          const { gpus } = modelResources(block, models)
          const resources = { ...nodeResources(node, defaults), ...(gpus === undefined ? {} : { gpus }) }
          const limit = atOnce === undefined ? {} : { limit: atOnce }
          return taskArrays({ ...place, node, tasks: shards, ...limit, resources, signal })
        },
      }
    },
  }
}

/** The block of the model that tasks of a node start a server of, each its own; undefined where it has no such tasks. */
function servedInTasks({ definition, inputs }: GraphNode, models: Registry['models']): Json | undefined {
  const { taskModel } = definition as Partial<ServiceStageDefinition>
  const ref = taskModel === undefined ? undefined : inputs.get(taskModel)
  return ref?.type === 'llm' && models.isServed(ref.block) ? ref.block : undefined
}

/** What a node that runs elsewhere needs of this machine: servers of models that it asks, and slots of pools. */
function partHere(node: GraphNode): GraphNode {
  const { requiresCuda: _, ...definition } = node.definition
  return {
    ...node,
    definition,
    inputs: new Map([...node.inputs].filter(([, { type }]) => type !== 'encoder')),
    resources: { cpus: 0, memory: 0, pools: node.resources.pools },
  }
}

/** What a node whose model is served in tasks needs of this machine. */
function withoutServer(node: GraphNode): GraphNode {
  const { taskModel } = node.definition as Partial<ServiceStageDefinition>
  return {
    ...node,
    inputs: new Map([...node.inputs].filter(([name]) => name !== taskModel)),
    resources: { cpus: 1, memory: 0, pools: node.resources.pools },
  }
}
