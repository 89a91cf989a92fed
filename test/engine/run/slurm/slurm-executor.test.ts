import { slurmCalls } from '../../../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../../../engine/run/slurm/slurm-executor.ts'
import { onCluster } from '../../../rig/slurm.ts'
import { conformance } from '../jobs/conformance.ts'

onCluster('Slurm', { nodes: 2 }, () => {
  const open = async (): Promise<SlurmExecutor> =>
    new SlurmExecutor({
      call: slurmCalls().call,
      settings: () => ({}),
      onNote: () => {},
      pace: { leastMs: 200, mostMs: 2_000 },
      latencyMs: 2_000,
    })
  conformance('slurm', open, 'of minutes')
})
