import { join } from 'node:path'
import type { Store } from '../../cache/store.ts'
import type { GraphNode } from '../plan/node.ts'
import { packageRoot } from '../util/package-root.ts'
import type { Profile } from './slurm/profile.ts'
import { slurmCalls } from './slurm/slurm-commands.ts'
import { SlurmExecutor } from './slurm/slurm-executor.ts'
import { StageJobs } from './stage-jobs.ts'

/** Which nodes of a run run elsewhere, and where that is. */
export interface JobPlaces {
  /** Whether a node runs as a job. */
  isJob(node: GraphNode): boolean
  /** Runs them; opened once a run. `onNote` is told of what happens to the cluster. */
  open(store: Pick<Store, 'root' | 'memo'>, onNote: (note: string) => void): StageJobs
}

/** What the pipeline and a profile say of where nodes run. What works with the run's own rows and models stays here. */
export function jobPlaces(profile: Profile, leave: () => boolean): JobPlaces {
  return {
    isJob: ({ stage, executor, definition }) =>
      definition.elsewhere !== false && (executor ?? profile.place(stage).executor) === 'slurm',
    open: ({ root, memo }, onNote) => {
      const { call } = slurmCalls()
      const place = {
        executor: new SlurmExecutor({ call, settings: ({ stage = '' }) => profile.place(stage).settings, onNote }),
        folder: profile.sharedFolder ?? join(root, 'slurm'),
        visible: profile.visible,
        before: profile.before,
        node: profile.node ?? process.execPath,
        queryloom: profile.queryloom ?? packageRoot,
        leave,
      }
      return new StageJobs(place, memo)
    },
  }
}

/** What a node that runs elsewhere needs of this machine: servers of models that it asks, and slots of pools. */
export function partHere(node: GraphNode): GraphNode {
  const { requiresCuda: _, ...definition } = node.definition
  return {
    ...node,
    definition,
    inputs: new Map([...node.inputs].filter(([, { type }]) => type !== 'encoder')),
    resources: { cpus: 0, memory: 0, pools: node.resources.pools },
  }
}
