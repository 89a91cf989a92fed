import { slurmCalls } from '../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../engine/run/slurm/slurm-executor.ts'
import { conformance } from '../engine/run/jobs/conformance.ts'
import { faultsOfSlurm } from '../engine/run/slurm/faults.ts'
import { onCluster } from '../rig/slurm.ts'
import { encodingOnSlurm } from './slurm/encoding.ts'
import { pipelinesOnSlurm } from './slurm/pipelines.ts'
import { quickstartOnSlurm } from './slurm/quickstart.ts'
import { shardsOnSlurm } from './slurm/shards.ts'

// All that needs a real Slurm is here: one cluster, started once. Two of its nodes are those of pipelines; they have many
// CPUs, as what is tried is not how long tasks wait for each other.
const PROFILE = 'partition: main\ntime: 5m\noptions: [--exclude=n3]\n'
const ROOMY = `${PROFILE}memory: 700MB\n`

onCluster('Slurm', { nodes: 3, env: { SLURM_UP_CPUS: '16' } }, (cluster) => {
  const open = async (): Promise<SlurmExecutor> =>
    new SlurmExecutor({
      call: slurmCalls().call,
      settings: () => ({ options: ['--exclude=n3'] }),
      onNote: () => {},
      pace: { leastMs: 200, mostMs: 2_000 },
      latencyMs: 2_000,
    })
  conformance('slurm', open, 'of minutes')
  pipelinesOnSlurm(cluster, PROFILE)
  quickstartOnSlurm(ROOMY)
  encodingOnSlurm(cluster, ROOMY)
  shardsOnSlurm(cluster, PROFILE)
  faultsOfSlurm(cluster)
})
