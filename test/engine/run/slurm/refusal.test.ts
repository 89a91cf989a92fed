import { expect, test } from 'vitest'
import type { Job } from '../../../../engine/run/executor.ts'
import { refusalOf } from '../../../../engine/run/slurm/refusal.ts'

const refused = (...lines: string[]): unknown => refusalOf(lines.join('\n'), { title: 'queries' } as Job)

test('what Slurm refuses is told once, with where to look', () => {
  expect(
    refused(
      'sbatch: error: invalid partition specified: gpu',
      'sbatch: error: Batch job submission failed: Invalid partition name specified',
    ),
  ).toMatchObject({
    message: 'Slurm refuses the job of queries: invalid partition specified: gpu',
    advice: expect.stringContaining('sinfo -s'),
  })
  expect(
    refused('Batch job submission failed: Invalid account or account/partition combination specified'),
  ).toMatchObject({
    message: 'Slurm refuses the job of queries: Invalid account or account/partition combination specified',
  })
})
