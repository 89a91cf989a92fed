import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { Job, Submission } from '../../../../engine/run/executor.ts'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import type { FollowOptions, TaskOutcome } from '../../../../engine/run/jobs/run-tasks.ts'
import type { SlurmSettings } from '../../../../engine/run/slurm/sbatch-words.ts'
import { slurmCalls } from '../../../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../../../engine/run/slurm/slurm-executor.ts'
import { packageRoot } from '../../../../engine/util/package-root.ts'
import type { Followed } from '../../../rig/follow-array.ts'
import type { Cluster } from '../../../rig/slurm.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { waitFor } from '../../../rig/wait-for.ts'
import { follow as followed, jobOf as scripts } from '../jobs/conformance.ts'

const DONE: TaskOutcome = { done: true }
/** Answers in a second attempt. */
const SECOND_ONLY = 'n=$(ls .. | wc -l); [ $n -gt 1 ] || sleep 60; echo $n >answer'

/** Tests of what goes wrong in a cluster of three nodes, of which the third is left to the time limit. */
export function faultsOfSlurm(cluster: Cluster): void {
  const notes: string[] = []
  let made = 0

  function opened(settings: SlurmSettings = {}): {
    executor: SlurmExecutor
    counts: { readonly [program: string]: number }
  } {
    const { call, counts } = slurmCalls()
    const options = settings.options ?? ['--exclude=n3']
    const executor = new SlurmExecutor({
      call,
      settings: () => ({ ...settings, options }),
      onNote: (note) => notes.push(note),
      pace: { leastMs: 200, mostMs: 2_000 },
      latencyMs: 1_500,
    })
    return { executor, counts }
  }

  const jobOf = (script: string, facts: Partial<Job> = {}): Promise<Job> =>
    scripts(script, { folder: join(cluster.folder, `job-${++made}`), ...facts })

  function follow(
    job: Job,
    settings?: SlurmSettings,
    options: Partial<FollowOptions> = {},
  ): Promise<readonly TaskOutcome[]> {
    return followed(opened(settings).executor, job, options)
  }

  /** Number of the job that a submission became. */
  const idOf = (submission: Submission): string =>
    cluster
      .call('squeue', '--noheader', '--format=%F %j')
      .split('\n')
      .find((line) => line.includes(submission.id))
      ?.split(' ')[0] ?? ''

  /** Follows a job; `meanwhile` is called with its number once all its tasks have begun. */
  async function during(
    job: Job,
    meanwhile: (id: string) => unknown,
    settings?: SlurmSettings,
  ): Promise<{ outcomes: readonly TaskOutcome[]; told: string[] }> {
    const told: string[] = []
    const { attempts, result } = jobFolder(job.folder)
    const tasks = Array.from({ length: job.tasks }, (_, task) => task)
    const haveBegun = (): boolean => tasks.every((task) => attempts(task).length > 0 || existsSync(result(task)))
    let submission: Submission | undefined
    const following = follow(job, settings, {
      onNote: (note) => told.push(note),
      onSubmission: (one) => {
        submission ??= one
      },
    })
    await waitFor(haveBegun)
    await meanwhile(idOf(submission as Submission))
    return { outcomes: await following, told }
  }

  const apart: SlurmSettings = { partition: 'urgent', options: ['--nodelist=n3'] }
  let limited: Promise<readonly TaskOutcome[]>
  let requeued: ReturnType<typeof during>
  let requeuedJob: Job

  // Slurm looks at time limits once in a while, and waits before it starts again what was put back: the other tests run
  // meanwhile.
  beforeAll(async () => {
    limited = follow(await jobOf('exec sleep 300', { resources: { cpus: 1, memory: 0, timeMs: 1_000 } }), apart)
    requeuedJob = await jobOf(SECOND_ONLY)
    requeued = during(requeuedJob, (id) => cluster.call('scontrol', 'requeue', id), apart)
  })

  // What one test did to the nodes is none of the next one's.
  beforeEach(() => {
    const down = cluster
      .call('sinfo', '--noheader', '--Node', '--partition=main', '--format=%N %t')
      .split('\n')
      .filter((line) => /(down|drain|drng)/.test(line))
    for (const line of down) cluster.call('scontrol', 'update', `nodename=${line.split(' ')[0]}`, 'state=resume')
    if (down.length > 0) cluster.mend()
  })

  test('a folder that the nodes do not see', async () => {
    const [outcome] = await follow(await jobOf('true'), { options: ['--chdir=/nowhere', '--output=/nowhere/log'] })
    expect(outcome).toMatchObject({
      cause: { kind: 'launch' },
      message: expect.stringContaining('could not be started'),
    })
    expect(outcome).toMatchObject({ advice: expect.stringContaining('shared folder') })
  })

  test('cards that no node has', async () => {
    const job = await jobOf('true', { resources: { cpus: 1, memory: 0, gpus: 3 } })
    await expect(follow(job)).rejects.toMatchObject({
      name: 'StageError',
      message: 'Slurm refuses the job of a job under test: Requested node configuration is not available',
    })
    // Whoever asks for less at once does not wait for what never came into the queue.
    expect(readdirSync(join(job.folder, 'submissions'))).toEqual([])
  })

  test('a dependency that failed: the job is told of, and taken out of the queue', async () => {
    const bad = cluster.call('sbatch', '--parsable', '--output=/dev/null', '--wrap=exit 1').trim()
    const [outcome] = await follow(await jobOf('true'), { options: [`--dependency=afterok:${bad}`] })
    expect(outcome).toMatchObject({ cause: { kind: 'dependency' } })
    await waitFor(() => cluster.jobs().every((id) => !id.startsWith(String(Number(bad) + 1))))
  })

  test('scancel from outside is not taken for a fault of the cluster', async () => {
    const job = await jobOf('exec sleep 60')
    const { outcomes } = await during(job, (id) => cluster.call('scancel', id))
    expect(outcomes).toMatchObject([{ cause: { kind: 'cancelled' }, message: 'was cancelled by somebody else' }])
    expect(readdirSync(join(job.folder, 'submissions')).filter((name) => !name.includes('.'))).toHaveLength(1)
  })

  test('SIGKILL of a task with its script, which leaves no exit status', async () => {
    const job = await jobOf('kill -9 0')
    expect(await follow(job)).toMatchObject([{ cause: { kind: 'signal', signal: 9 } }])
    expect(jobFolder(job.folder).attempts(0)).toHaveLength(1)
    expect(readdirSync(join(job.folder, 'exits'))).toEqual([])
  })

  test('scontrol requeue: the second attempt answers', async () => {
    const { outcomes, told } = await requeued
    expect(outcomes).toEqual([DONE])
    expect(told).toEqual([])
    expect(readFileSync(join(jobFolder(requeuedJob.folder).result(0), 'answer'), 'utf8')).toBe('2\n')
  })

  test('preemption: what is cancelled for others is submitted again', async () => {
    const gate = join(temporaryFolder(), 'go')
    const job = await jobOf(`[ $QUERYLOOM_TASK = 1 ] || exec sleep 0.2; while [ ! -e ${gate} ]; do sleep 0.1; done`, {
      tasks: 2,
    })
    const { outcomes, told } = await during(
      job,
      async () => {
        const urgent = [
          '--partition=urgent',
          '--nodes=2',
          '--exclude=n3',
          '--exclusive',
          '--output=/dev/null',
          '--wrap=sleep 1',
        ]
        const id = cluster.call('sbatch', '--parsable', ...urgent).trim()
        await waitFor(() =>
          cluster.call('squeue', '--noheader', '--states=all', '--format=%T', `--jobs=${id}`).includes('COMPLETED'),
        )
        writeFileSync(gate, '')
      },
      { partition: 'killable' },
    )
    expect(outcomes).toEqual([DONE, DONE])
    expect(told.join()).toContain('made room for others')
  })

  test('a node that goes down: its task is put back into the queue, and runs again', async () => {
    const job = await jobOf(SECOND_ONLY)
    const { outcomes } = await during(job, (id) => {
      const node = cluster.call('squeue', '--noheader', '--format=%N', `--jobs=${id}`).trim()
      cluster.call('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test')
    })
    expect(outcomes).toEqual([DONE])
    expect(readFileSync(join(jobFolder(job.folder).result(0), 'answer'), 'utf8')).toBe('2\n')
  })

  test('slurmd dies and its processes go on: the copy that is complete first is the answer, and stays', async () => {
    const gate = join(temporaryFolder(), 'go')
    const script = `n=$(ls .. | wc -l); [ $n -gt 1 ] || while [ ! -e ${gate} ]; do sleep 0.1; done; echo $n >answer`
    const job = await jobOf(script)
    const { outcomes } = await during(job, (id) => {
      const node = cluster.call('squeue', '--noheader', '--format=%N', `--jobs=${id}`).trim()
      cluster.kill(`slurmd.${node}`)
      // As it would by itself after SlurmdTimeout.
      cluster.call('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test')
    })
    expect(outcomes).toEqual([DONE])
    const answer = join(jobFolder(job.folder).result(0), 'answer')
    const first = readFileSync(answer, 'utf8')
    expect(first).not.toBe('1\n')
    writeFileSync(gate, '')
    await waitFor(() => jobFolder(job.folder).attempts(0).length === 0)
    expect(readFileSync(answer, 'utf8')).toBe(first)
    cluster.mend()
  })

  test('tasks on one node see cards of their own', async () => {
    const job = await jobOf('echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES" >answer; sleep 1', {
      tasks: 2,
      resources: { cpus: 1, memory: 0, gpus: 1 },
    })
    expect(await follow(job, { options: ['--nodelist=n1'] })).toEqual([DONE, DONE])
    const answers = [0, 1].map((task) =>
      readFileSync(join(jobFolder(job.folder).result(task), 'answer'), 'utf8').trim(),
    )
    expect(answers.toSorted()).toEqual(['n1 0', 'n1 1'])
  })

  test('five hundred tasks are one call, following them few, and little memory', async () => {
    const folder = join(cluster.folder, 'five-hundred')
    mkdirSync(folder)
    const script = join(packageRoot, 'test/rig/follow-array.ts')
    const { stdout } = await execa(process.execPath, ['--import', 'tsx', script, folder, '500', '--exclude=n3'], {
      cwd: packageRoot,
    })
    console.info(`500 tasks: ${stdout}`)
    const { failed, calls, taken, rssMiB } = JSON.parse(stdout) as Followed
    expect(failed).toBe(0)
    expect(readFileSync(join(jobFolder(folder).result(499), 'answer'), 'utf8')).toBe('499\n')
    // On a machine that is busy with other things, slurmctld may take a submission and be too late to say so.
    expect(taken).toBe(1)
    expect(calls.squeue).toBeLessThan(60)
    expect(rssMiB).toBeLessThan(300)
  })

  test('a time limit', async () => {
    expect(await limited).toMatchObject([{ cause: { kind: 'time-limit' } }])
    await waitFor(() => cluster.jobs().length === 0)
  })

  // After a death of slurmctld nodes may be drained for numbers of jobs that it gave out twice: these come last.
  test('a job that is submitted while slurmctld is away comes into the queue once', async () => {
    // It writes down what it knows every five seconds; what it forgets it does again.
    const changed = (file: string): number => statSync(join(cluster.folder, file)).mtimeMs
    await waitFor(() => changed('state/job_state') > changed('jobcomp.txt'))
    cluster.kill('slurmctld')
    const job = await jobOf('echo x >>"$QUERYLOOM_TASK_FOLDER/runs"')
    const following = follow(job)
    await new Promise((resolve) => setTimeout(resolve, 500))
    cluster.mend()
    expect(await following).toEqual([DONE])
    expect(readFileSync(join(jobFolder(job.folder).task(0), 'runs'), 'utf8')).toBe('x\n')
  })

  test('slurmctld dies: what runs goes on, and is seen when it is there again', async () => {
    const gate = join(temporaryFolder(), 'go')
    const script = `while [ ! -e ${gate} ]; do sleep 0.1; done; echo $QUERYLOOM_TASK >answer`
    const job = await jobOf(script, { tasks: 3 })
    const before = notes.length
    const { outcomes } = await during(job, async () => {
      cluster.kill('slurmctld')
      await waitFor(() => notes.length > before)
      writeFileSync(gate, '')
      await waitFor(() => existsSync(jobFolder(job.folder).result(2)))
      cluster.mend()
    })
    expect(outcomes).toEqual([DONE, DONE, DONE])
    expect(notes.slice(before).join('\n')).toMatch(/^Slurm does not answer, what it runs goes on: .*contact/)
  })
}
