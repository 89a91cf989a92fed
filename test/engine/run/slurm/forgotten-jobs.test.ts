import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Job } from '../../../../engine/run/executor.ts'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import type { TaskOutcome } from '../../../../engine/run/jobs/run-tasks.ts'
import { slurmCalls } from '../../../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../../../engine/run/slurm/slurm-executor.ts'
import { type SlurmStandIn, slurmStandIn } from '../../../rig/slurm-stand-in.ts'
import { follow, jobOf } from '../jobs/conformance.ts'

/** How long is waited for what never comes, and for what comes late. */
const NEVER_MS = 100
const LATE_MS = 3_600_000

/** Follows a job of one task; `meanwhile` is called with its submission when the queue has shown that it runs. */
async function during(
  slurm: SlurmStandIn,
  latencyMs: number,
  meanwhile: (job: Job, submission: string) => void,
): Promise<{ outcome: TaskOutcome; notes: string[]; submissions: number }> {
  const executor = new SlurmExecutor({
    call: slurmCalls().call,
    settings: () => ({}),
    onNote: () => {},
    pace: { leastMs: 10, mostMs: 20 },
    latencyMs,
  })
  const job = await jobOf('true')
  const notes: string[] = []
  let id = ''
  let submissions = 0
  let isTold = false
  slurm.queue('RUNNING')
  const [outcome] = await follow(executor, job, {
    pollMs: 10,
    onNote: (note) => notes.push(note),
    onSubmission: (one) => {
      id = one.id
      submissions++
    },
    onStates: ([state]) => {
      if (state?.state !== 'running' || isTold) return
      isTold = true
      meanwhile(job, id)
    },
  })
  return { outcome: outcome as TaskOutcome, notes, submissions }
}

/** What the script of a task leaves, as it is seen through a folder that shows it when it shows it. */
function ends(job: Job, submission: string, status: number): void {
  const paths = jobFolder(job.folder)
  const attempt = join(paths.task(0), 'attempts', `${submission}.0.8`)
  mkdirSync(attempt, { recursive: true })
  if (status === 0) renameSync(attempt, paths.result(0))
  writeFileSync(join(job.folder, 'exits', `0.${submission}.0.8`), `${status}\n`)
}

const later = (work: () => void): void => void setTimeout(work, 200)

describe('a task that the queue has forgotten, and that left no exit status', () => {
  test('is what accounting says of it', async () => {
    const slurm = slurmStandIn('echo "7_0|OUT_OF_MEMORY|n1"')
    const { outcome } = await during(slurm, NEVER_MS, () => slurm.queue('forgotten'))
    expect(outcome).toMatchObject({ cause: { kind: 'out-of-memory' } })
    expect(readFileSync(slurm.asked, 'utf8')).toMatch(/^--allocations .*--jobs=8 /)
  })

  test('is what the log of completed jobs says of it, where there is no accounting', async () => {
    const slurm = slurmStandIn(
      'case "$*" in *--completion*) echo "7_0|TIMEOUT|n1";; *) echo "accounting storage is disabled" >&2; exit 1;; esac',
    )
    const { outcome } = await during(slurm, NEVER_MS, () => slurm.queue('forgotten'))
    expect(outcome).toMatchObject({ cause: { kind: 'time-limit' } })
  })

  test('is submitted again where nothing tells: sacct is not installed, or says nothing', async () => {
    for (const sacct of [undefined, 'exit 0']) {
      const slurm = slurmStandIn(sacct)
      const { outcome, notes, submissions } = await during(slurm, NEVER_MS, () => {
        slurm.queue('forgotten')
      })
      expect(outcome).toMatchObject({ cause: { kind: 'lost' }, message: expect.stringContaining('vanished') })
      expect(notes).toEqual(Array.from({ length: 3 }, () => 'submitted again: vanished from the queue'))
      expect(submissions).toBe(4)
      expect(existsSync(slurm.asked)).toBe(sacct !== undefined)
    }
  })
})

describe('a shared folder that shows late what a node wrote', () => {
  test('a result that comes after the queue has told of the end is waited for', async () => {
    const slurm = slurmStandIn(undefined)
    const { outcome, notes } = await during(slurm, LATE_MS, (job, submission) => {
      slurm.queue('COMPLETED')
      later(() => ends(job, submission, 0))
    })
    expect(outcome).toEqual({ done: true })
    expect(notes).toEqual([])
  })

  test('no exit status is waited for of a task that was killed for its memory, as its log says', async () => {
    const slurm = slurmStandIn(undefined)
    const { outcome } = await during(slurm, LATE_MS, (job, submission) => {
      const paths = jobFolder(job.folder)
      mkdirSync(join(paths.task(0), 'attempts', `${submission}.0.8`), { recursive: true })
      writeFileSync(
        paths.log(submission, 0),
        'slurmstepd: error: Job 7 exceeded memory limit (2048 > 1024), being killed\n',
      )
      slurm.queue('FAILED', 'NonZeroExitCode')
    })
    expect(outcome).toMatchObject({ cause: { kind: 'out-of-memory' } })
  })

  test('an exit status that comes late is told, not that the task was lost', async () => {
    const slurm = slurmStandIn(undefined)
    const { outcome } = await during(slurm, LATE_MS, (job, submission) => {
      slurm.queue('FAILED', 'NonZeroExitCode')
      later(() => ends(job, submission, 3))
    })
    expect(outcome).toMatchObject({ cause: { kind: 'exit', status: 3 } })
  })

  test('a result that is seen after its exit status is waited for', async () => {
    const slurm = slurmStandIn(undefined)
    const { outcome, submissions } = await during(slurm, LATE_MS, (job, submission) => {
      const { result } = jobFolder(job.folder)
      ends(job, submission, 0)
      renameSync(result(0), `${result(0)}.unseen`)
      slurm.queue('forgotten')
      later(() => renameSync(`${result(0)}.unseen`, result(0)))
    })
    expect(outcome).toEqual({ done: true })
    expect(submissions).toBe(1)
  })
})
