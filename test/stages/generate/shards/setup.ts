import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import type {
  Json,
  ModelLeases,
  SubmittedTasks,
  TaskArray,
  TaskArrays,
  TaskStanding,
} from '../../../../stages/define.ts'
import { run } from '../../../../stages/generate/run.ts'
import type { ShardSeams } from '../../../../stages/generate/shards/answer-in-shards.ts'
import { runShardTask } from '../../../../stages/generate/shards/task.ts'
import { generate } from '../../../../stages/generate/stage.ts'
import { leaseEndpoint } from '../../../../stages/models/endpoint.ts'
import { runStage, type StageResult } from '../../../rig/stage.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { type Bench, bench, countInto } from '../setup.ts'

/** What a test knows of, and does to, arrays whose tasks run inside its own process. */
export interface ArraysHere extends TaskArrays {
  /** Tasks of each submission, in their order. */
  submissions: number[][]
  /** Arrays that tasks were submitted of. */
  arrays: TaskArray[]
  /** Called in the place of a task's work; does it by `work`. */
  onTask(task: number, attempt: number, work: () => Promise<void>, folder: string): Promise<void>
  /** What `attach` finds. */
  left: { folder: string; submitted: SubmittedTasks }[]
}

/** Arrays of tasks that run here, each with a lease of the fake endpoint. */
export function arraysHere(url: string, tasks: number, folder: string = join(temporaryFolder(), 'shards')): ArraysHere {
  const models: ModelLeases = {
    async use(llm, fn) {
      return fn(
        await leaseEndpoint(llm.name, { endpoint: url, model: 'fake' }, new AbortController().signal, { everyMs: 5 }),
      )
    },
  }
  let attempts = 0
  const made: ArraysHere = {
    tasks,
    folder,
    outlive: false,
    layout: jobFolder,
    submissions: [],
    arrays: [],
    left: [],
    onTask: (_, __, work) => work(),
    attach: async ({ folder: of }) => made.left.flatMap((one) => (one.folder === of ? one.submitted : [])),
    async submit(array, numbers) {
      made.submissions.push([...numbers])
      made.arrays.push(array)
      const standings = new Map<number, TaskStanding>(numbers.map((task) => [task, { state: 'running' }]))
      const end = new AbortController()
      const all = numbers.map(async (task) => {
        const paths = jobFolder(array.folder)
        const attempt = attempts++
        const attemptFolder = join(paths.task(task), 'attempts', String(attempt).padStart(6, '0'))
        mkdirSync(attemptFolder, { recursive: true })
        const context = {
          folder: array.folder,
          task,
          taskFolder: paths.task(task),
          attemptFolder,
          attempts: paths.attempts(task),
          models,
          log: () => {},
          drain: end.signal,
          signal: end.signal,
        }
        try {
          await made.onTask(task, attempt, () => runShardTask(context, () => 1), attemptFolder)
          if (existsSync(paths.result(task))) rmSync(attemptFolder, { recursive: true })
          else renameSync(attemptFolder, paths.result(task))
          standings.set(task, { state: 'done' })
        } catch (error) {
          const noFault = (error as { noFault?: boolean }).noFault ?? false
          standings.set(task, { state: 'failed', message: 'ended with exit status 1', noFault })
        }
      })
      return {
        tasks: numbers,
        poll: async () => standings,
        cancel: async () => {
          end.abort(new Error('cancelled'))
          await Promise.all(all)
        },
        log: (task) => join(array.folder, `${task}.log`),
      }
    },
  }
  return made
}

/** Small arrays, looked at often. */
const HASTY: ShardSeams = {
  limits: { rows: 1000, array: 10_000, least: 1 },
  paces: { gather: 5, look: 20, poll: 20, late: 200 },
}

/** A bench whose model is served by tasks: each asks the fake endpoint. */
export function shardBench(
  url: string,
  options: Parameters<typeof bench>[1] = {},
): Bench & {
  runShards(
    rows: readonly object[],
    arrays: TaskArrays,
    written?: { [name: string]: Json },
    seams?: ShardSeams,
  ): Promise<StageResult>
} {
  const made = bench(url, options)
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'm'), 'weights')
  const model = { serve: 'vllm', source: 'm' }
  return Object.assign(made, {
    runShards(rows: readonly object[], arrays: TaskArrays, written = {}, seams: ShardSeams = HASTY) {
      Object.assign(made.requests, { sent: 0, cached: 0, failed: 0 })
      const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
      const inputs = made.inputs(rows)
      const llm = { type: 'llm' as const, name: 'fake', model, folder, identity: { served: 'fake' } }
      const stage = {
        ...generate,
        run: (context: never) => run(context, { backoffMs: () => 1, ...options.seams, shards: seams }),
      }
      return runStage(
        stage as never,
        { ...marked, ...written },
        { ...inputs, model: llm },
        {
          rows: made.rows,
          memos: made.memos,
          models: { use: () => Promise.reject(new Error('no server is started where tasks are')) },
          arrays,
          log: '/dev/null',
          drain: made.drain.signal,
          signal: made.signal.signal,
          count: countInto(made.requests),
        },
      )
    },
  })
}
