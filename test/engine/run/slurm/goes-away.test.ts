import { mkdirSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { jobFolder, noteSubmission } from '../../../../engine/run/jobs/job-folder.ts'
import { ARRAY } from '../../../../engine/run/jobs/job-script.ts'
import { arrayName } from '../../../../engine/run/slurm/sbatch-words.ts'
import { type CallSlurm, slurmCalls } from '../../../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../../../engine/run/slurm/slurm-executor.ts'
import { slurmStandIn } from '../../../rig/slurm-stand-in.ts'
import { waitFor } from '../../../rig/wait-for.ts'
import { follow, jobOf } from '../jobs/conformance.ts'

const AWAY = { kind: 'away', message: 'Unable to contact slurm controller' } as const
const { signal } = new AbortController()

/** A Slurm that does not answer while `isAway` says so of a program, and takes out of the queue whatever it is told to. */
class Scripted {
  readonly jobs: { name: string; id: number; state: string; reason: string }[] = []
  readonly calls: string[] = []
  state = 'PENDING'
  reason = 'None'
  isAway: (program: string) => boolean = () => false
  onSubmission: () => Promise<void> = async () => {}

  readonly call: CallSlurm = async (program, words) => {
    this.calls.push(program)
    if (this.isAway(program)) return AWAY
    if (program === 'sbatch') {
      await this.onSubmission()
      const name = words.find((word) => word.startsWith('--job-name='))?.slice('--job-name='.length) as string
      this.jobs.push({ name, id: 10 + this.jobs.length, state: this.state, reason: this.reason })
      return { kind: 'answer', text: String(this.jobs.at(-1)?.id) }
    }
    if (program === 'scancel')
      for (const job of this.jobs)
        if (words.some((word) => word.split('_')[0] === String(job.id))) job.state = 'CANCELLED'
    if (program !== 'squeue') return { kind: 'answer', text: '' }
    const lines = this.jobs.map(({ name, id, state, reason }) => `${id}_0|${id}|${state}|${reason}||${name}`)
    return { kind: 'answer', text: lines.join('\n') }
  }

  get executor(): SlurmExecutor {
    const pace = { leastMs: 1, mostMs: 5 }
    return new SlurmExecutor({ call: this.call, settings: () => ({}), onNote: () => {}, pace, latencyMs: 20 })
  }
}

test('an interruption while Slurm is away takes out what of a submission it had taken', async () => {
  const slurm = new Scripted()
  const job = await jobOf('true', { tasks: ARRAY + 1 })
  const abort = new AbortController()
  slurm.isAway = (program) => program === 'sbatch' && slurm.jobs.length === 1
  const following = follow(slurm.executor, job, { signal: abort.signal })
  await waitFor(() => slurm.calls.filter((program) => program === 'sbatch').length > 2)
  abort.abort(new Error('interrupted'))
  await expect(following).rejects.toThrow('interrupted')
  expect(slurm.jobs).toMatchObject([{ state: 'CANCELLED' }])
})

test('what can never start is told of when it is out of the queue', async () => {
  const slurm = new Scripted()
  slurm.reason = 'BadConstraints'
  let refused = 0
  slurm.isAway = (program) => program === 'scancel' && refused++ < 3
  const [outcome] = await follow(slurm.executor, await jobOf('true'), { pollMs: 5 })
  expect(outcome).toMatchObject({ cause: { kind: 'constraints' } })
  expect(refused).toBe(4)
  expect(slurm.jobs).toMatchObject([{ state: 'CANCELLED' }])
})

test('what the queue held while a job was submitted is no word on that job', async () => {
  const slurm = new Scripted()
  const { executor } = slurm
  const other = await executor.submit(await jobOf('true'), [0], signal)
  slurm.onSubmission = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    await executor.poll(other, signal)
  }
  const job = await jobOf('true')
  const submission = await executor.submit(job, [0], signal)
  slurm.isAway = () => true
  for (let look = 0; look < 10; look++) {
    expect(await executor.poll(submission, signal)).toEqual(new Map([[0, { state: 'queued' }]]))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
})

test.each([
  ['as here', 0],
  ['ten minutes late', 600_000],
  ['ten minutes early', -600_000],
])('where the clock of files is %s, what a killed run was submitting is waited for', async (_, behindMs) => {
  const slurm = new Scripted()
  const job = await jobOf('true')
  const { id } = noteSubmission(job, [0])
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + behindMs)
  const following = follow(slurm.executor, job, { pollMs: 5 })
  await waitFor(() => slurm.calls.includes('squeue'))
  // It comes into the queue only now.
  slurm.jobs.push({ name: arrayName(job, id, 0), id: 7, state: 'RUNNING', reason: 'None' })
  await waitFor(() => slurm.calls.length > 1)
  mkdirSync(jobFolder(job.folder).result(0), { recursive: true })
  for (const one of slurm.jobs) one.state = 'COMPLETED'
  expect(await following).toEqual([{ done: true }])
  vi.restoreAllMocks()
  expect(slurm.calls).not.toContain('sbatch')
})

test('a controller that dies in the midst of a call is away, and refuses nothing', async () => {
  for (const said of ['Connection reset by peer', 'Broken pipe', 'Connection refused']) {
    slurmStandIn(`echo "sacct: error: ${said}" >&2; exit 1`)
    expect(await slurmCalls().call('sacct', [])).toEqual({ kind: 'away', message: said })
  }
  slurmStandIn('echo "sacct: error: Slurm accounting storage is disabled" >&2; exit 1')
  expect(await slurmCalls().call('sacct', [])).toMatchObject({ kind: 'refused' })
})
