import type { Job } from '../../../../engine/run/executor.ts'
import { layOutJob } from '../../../../engine/run/jobs/job-folder.ts'

/** A job of shell scripts, laid out in its folder. */
export async function jobOf(script: string, facts: Partial<Job> & { folder: string }): Promise<Job> {
  const job: Job = {
    key: 'feedc0de',
    title: 'a job under test',
    command: ['/bin/sh', '-c', script],
    tasks: 1,
    resources: { cpus: 1, memory: 0 },
    ...facts,
  }
  await layOutJob(job)
  return job
}
