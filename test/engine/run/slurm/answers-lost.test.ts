import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import type { CallSlurm } from '../../../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../../../engine/run/slurm/slurm-executor.ts'
import { follow, jobOf } from '../jobs/conformance.ts'

const WORDS = { sbatch: '--job-name=', squeue: '' } as const

/** A Slurm that takes a submission and can't say so, and shows it in the queue only after so many looks. */
function forgetful(shownAfter: number): { call: CallSlurm; jobs: { name: string; id: number; state: string }[] } {
  const jobs: { name: string; id: number; state: string }[] = []
  let looks = 0
  const call: CallSlurm = async (program, words) => {
    if (program === 'sbatch') {
      const name = words.find((word) => word.startsWith(WORDS.sbatch))?.slice(WORDS.sbatch.length) as string
      jobs.push({ name, id: 10 + jobs.length, state: 'PENDING' })
      return jobs.length === 1
        ? { kind: 'away', message: 'Socket timed out on send/recv operation' }
        : { kind: 'answer', text: String(jobs.at(-1)?.id) }
    }
    if (program === 'scancel') for (const job of jobs) if (words.includes(String(job.id))) job.state = 'CANCELLED'
    if (program !== 'squeue') return { kind: 'answer', text: '' }
    looks++
    const lines = jobs.flatMap(({ name, id, state }, i) =>
      i === 0 && looks <= shownAfter ? [] : [0, 1].map((task) => `${id}_${task}|${id + task}|${state}|None||${name}|`),
    )
    return { kind: 'answer', text: lines.join('\n') }
  }
  return { call, jobs }
}

const open = (call: CallSlurm): SlurmExecutor =>
  new SlurmExecutor({ call, settings: () => ({}), onNote: () => {}, pace: { leastMs: 1, mostMs: 1 } })

async function resultsOf(folder: string): Promise<void> {
  for (const task of [0, 1]) mkdirSync(jobFolder(folder).result(task), { recursive: true })
}

test('a submission that Slurm took without an answer is found in the queue, and not repeated', async () => {
  const { call, jobs } = forgetful(0)
  const job = await jobOf('true', { tasks: 2 })
  const onSubmission = (): void => {
    void resultsOf(job.folder)
    for (const one of jobs) one.state = 'COMPLETED'
  }
  expect(await follow(open(call), job, { pollMs: 5, onSubmission })).toEqual([{ done: true }, { done: true }])
  expect(jobs).toHaveLength(1)
})

test('one that came into the queue too late is there twice: the second array is taken out, the first followed', async () => {
  const { call, jobs } = forgetful(2)
  const job = await jobOf('true', { tasks: 2 })
  const states: string[] = []
  const following = follow(open(call), job, {
    pollMs: 5,
    onStates: (now) => states.push(now.map(({ state }) => state).join()),
  })
  const ending = setInterval(() => {
    if (jobs[1]?.state !== 'CANCELLED') return
    void resultsOf(job.folder)
    if (jobs[0]) jobs[0].state = 'COMPLETED'
  }, 20)
  const outcomes = await following
  clearInterval(ending)
  expect(outcomes).toEqual([{ done: true }, { done: true }])
  expect(jobs.map(({ state }) => state)).toEqual(['COMPLETED', 'CANCELLED'])
  expect(states.join(' ')).not.toContain('failed')
})
