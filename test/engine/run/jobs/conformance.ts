import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Executor, Job, TaskState } from '../../../../engine/run/executor.ts'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import { type FollowOptions, runTasks, type TaskOutcome } from '../../../../engine/run/jobs/run-tasks.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { waitFor } from '../../../rig/wait-for.ts'
import { jobOf as laidOut } from './job-of.ts'

const never = new AbortController().signal
const DONE: TaskOutcome = { done: true }

/** A job of shell scripts, laid out: in a folder of its own, unless one is given. */
export function jobOf(script: string, facts: Partial<Job> = {}): Promise<Job> {
  return laidOut(script, { ...facts, folder: facts.folder ?? temporaryFolder() })
}

/** Follows a job as runs do, only quicker. */
export function follow(
  executor: Executor,
  job: Job,
  options: Partial<FollowOptions> = {},
): Promise<readonly TaskOutcome[]> {
  return runTasks(executor, job, { signal: never, pollMs: 100, ...options })
}

/** What every executor must do; `open` makes one that ends with the test. */
export function conformance(
  name: string,
  open: () => Promise<Executor>,
  limits: 'exact' | 'of minutes' = 'exact',
): void {
  describe(`executor ${name}`, () => {
    test('each task finds its payload and leaves its answer; results appear one by one', async () => {
      const executor = await open()
      const job = await jobOf('tr a-z A-Z <"$QUERYLOOM_TASK_FOLDER/text" >answer; echo "task $QUERYLOOM_TASK"', {
        tasks: 3,
      })
      const paths = jobFolder(job.folder)
      for (const task of [0, 1, 2]) writeFileSync(join(paths.task(task), 'text'), `text ${task}`)
      const done: number[] = []
      expect(await follow(executor, job, { onDone: (task) => done.push(task) })).toEqual([DONE, DONE, DONE])
      expect(done.toSorted()).toEqual([0, 1, 2])
      for (const task of [0, 1, 2])
        expect(readFileSync(join(paths.result(task), 'answer'), 'utf8')).toBe(`TEXT ${task}`)
      const [id] = readdirSync(join(job.folder, 'submissions')) as [string]
      expect(readFileSync(executor.log({ job, id, tasks: [0, 1, 2] }, 1), 'utf8')).toBe('task 1\n')
    })

    test('a task that fails is told with its status, and costs no other', async () => {
      const job = await jobOf('echo no; [ $QUERYLOOM_TASK != 1 ] || exit 3; [ $QUERYLOOM_TASK != 2 ] || kill -9 $$', {
        tasks: 4,
      })
      const outcomes = await follow(await open(), job)
      expect(outcomes[0]).toEqual(DONE)
      expect(outcomes[1]).toMatchObject({ done: false, cause: { kind: 'exit', status: 3 } })
      expect(outcomes[2]).toMatchObject({ done: false, cause: { kind: 'signal', signal: 9 } })
      expect(outcomes[2]).toMatchObject({ message: 'was ended by signal 9 (SIGKILL)' })
      expect(outcomes[3]).toEqual(DONE)
      expect(readFileSync((outcomes[1] as { log: string }).log, 'utf8')).toBe('no\n')
      expect(existsSync(jobFolder(job.folder).result(1))).toBe(false)
    })

    test('what is done is not run again; what failed is', async () => {
      const executor = await open()
      const marks = temporaryFolder()
      const script = `echo x >>"${marks}/$QUERYLOOM_TASK"; [ $QUERYLOOM_TASK = 0 ] || [ -e "${marks}/mended" ]`
      const job = await jobOf(script, { tasks: 2 })
      expect((await follow(executor, job)).map(({ done }) => done)).toEqual([true, false])
      writeFileSync(join(marks, 'mended'), '')
      expect(await follow(executor, job)).toEqual([DONE, DONE])
      expect(readFileSync(join(marks, '0'), 'utf8')).toBe('x\n')
      expect(readFileSync(join(marks, '1'), 'utf8')).toBe('x\nx\n')
    })

    test('of two copies of a task the first complete one stays', async () => {
      const executor = await open()
      const gate = temporaryFolder()
      const script = `n=$(ls "${gate}" | grep -c started); : >"${gate}/started.$$"
        [ $n != 0 ] || while [ ! -e "${gate}/go" ]; do sleep 0.05; done; echo $n >answer`
      const job = await jobOf(script)
      const slow = await executor.submit(job, [0], never)
      await waitFor(() => readdirSync(gate).length === 1)
      const quick = await executor.submit(job, [0], never)
      expect(await settled(executor, quick)).toEqual([{ state: 'done' }])
      writeFileSync(join(gate, 'go'), '')
      expect(await settled(executor, slow)).toEqual([{ state: 'done' }])
      expect(readFileSync(join(jobFolder(job.folder).result(0), 'answer'), 'utf8')).toBe('1\n')
      expect(jobFolder(job.folder).attempts(0)).toEqual([])
    })

    test('no more run at once than the limit says', async () => {
      const marks = temporaryFolder()
      mkdirSync(join(marks, 'up'))
      // None ends before two have been there at once.
      const script = `: >"${marks}/up/$QUERYLOOM_TASK"
        until [ -e "${marks}/two" ]; do [ $(ls "${marks}/up" | wc -l) -lt 2 ] || : >"${marks}/two"; sleep 0.05; done
        sleep 0.3; ls "${marks}/up" | wc -l >count; rm "${marks}/up/$QUERYLOOM_TASK"`
      const job = await jobOf(script, { tasks: 4, limit: 2 })
      expect((await follow(await open(), job)).every(({ done }) => done)).toBe(true)
      const counts = [0, 1, 2, 3].map((task) =>
        Number(readFileSync(join(jobFolder(job.folder).result(task), 'count'), 'utf8')),
      )
      expect(Math.max(...counts)).toBe(2)
    })

    test('an interruption ends what runs and what waits', async () => {
      const executor = await open()
      const marks = temporaryFolder()
      mkdirSync(join(marks, 'up'))
      const job = await jobOf(`: >"${marks}/up/$QUERYLOOM_TASK"; sleep 30 && : >"${marks}/late"`, {
        tasks: 3,
        limit: 1,
      })
      const abort = new AbortController()
      const following = follow(executor, job, { signal: abort.signal })
      await waitFor(() => readdirSync(join(marks, 'up')).length > 0)
      abort.abort(new Error('interrupted'))
      await expect(following).rejects.toThrow('interrupted')
      expect(await executor.attach(job, never)).toEqual([])
      expect(existsSync(join(marks, 'late'))).toBe(false)
      expect(readdirSync(join(marks, 'up'))).toHaveLength(1)
    })

    // Limits of minutes are tried where something else goes on meanwhile.
    test.skipIf(limits === 'of minutes')('a time limit ends a task, and says so', async () => {
      const job = await jobOf('exec sleep 300', { resources: { cpus: 1, memory: 0, timeMs: 1_000 } })
      const [outcome] = await follow(await open(), job)
      expect(outcome).toMatchObject({ done: false, cause: { kind: 'time-limit' } })
    })
  })
}

/** Waits until no task of a submission is queued or running. */
async function settled(executor: Executor, submission: Parameters<Executor['poll']>[0]): Promise<TaskState[]> {
  for (;;) {
    const states = [...(await executor.poll(submission, never)).values()]
    if (states.length > 0 && states.every(({ state }) => state === 'done' || state === 'failed')) return states
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
