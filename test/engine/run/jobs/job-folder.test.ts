import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import type { Submission } from '../../../../engine/run/executor.ts'
import { jobFailure } from '../../../../engine/run/jobs/job-failure.ts'
import { jobFolder, noteSubmission } from '../../../../engine/run/jobs/job-folder.ts'
import { post } from '../../../../engine/run/jobs/stage-mail.ts'
import { sendError } from '../../../../engine/run/stage-message.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { jobOf } from './job-of.ts'

test('attempts stand in the order in which they were submitted, and the newest says why its task failed', async () => {
  const job = await jobOf('false', { folder: temporaryFolder() })
  const paths = jobFolder(job.folder)
  // Whatever the names are, the second of them by name was submitted first.
  const [later, earlier] = [noteSubmission(job, [0]), noteSubmission(job, [0])].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  ) as [Submission, Submission]
  utimesSync(join(job.folder, 'submissions', earlier.id), 1_000, 1_000)
  const names = [`${earlier.id}.0.7`, `${later.id}.2.8`, `${later.id}.10.8`]
  for (const name of names.toReversed()) {
    mkdirSync(join(paths.task(0), 'attempts', name), { recursive: true })
    post(join(paths.task(0), 'attempts', name, 'failure.json'), sendError(new Error(`said by ${name}`)))
  }
  expect(paths.attempts(0).map((attempt) => basename(attempt))).toEqual(names)
  const outcome = { done: false, cause: { kind: 'exit', status: 1 }, message: 'ended', log: '/nowhere' } as const
  expect(jobFailure(outcome, paths.attempts(0), 'the job', '/nowhere').message).toBe(`said by ${names.at(-1)}`)
  // Others may put what they like there.
  writeFileSync(join(paths.task(0), 'attempts', 'strange'), '')
  expect(basename(paths.attempts(0)[0] as string)).toBe('strange')
})

test('a shared folder that can not be made is told with what to do', async () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  await expect(jobOf('true', { folder: join(file, 'jobs/feed') })).rejects.toMatchObject({
    name: 'StageError',
    message: expect.stringContaining("the folder of the job of a job under test can't be made: ENOTDIR"),
    advice: expect.stringContaining('shared_folder'),
  })
})
