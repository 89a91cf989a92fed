import { appendFileSync, closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordedOutput } from '../../cache/action-record.ts'
import { type ActionKey, hexOf } from '../../cache/digest.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import type { StatMemo } from '../../cache/stat-memo.ts'
import { type Json, type Registry, type StageContext, StageError, type StageSummary } from '../../stages/define.ts'
import type { GraphNode } from '../plan/node.ts'
import type { Executor, Job } from './executor.ts'
import { EncodingAhead } from './jobs/encode-ahead.ts'
import { jobFailure } from './jobs/job-failure.ts'
import { layOutJob } from './jobs/job-folder.ts'
import { nodeResources, withMemory } from './jobs/node-resources.ts'
import { runTasks } from './jobs/run-tasks.ts'
import { SharedFiles } from './jobs/shared-files.ts'
import { letter, openQuestions, post, questionOf, reply, type StageOrder } from './jobs/stage-mail.ts'
import { sweepShared } from './jobs/sweep-shared.ts'
import { sendError } from './stage-message.ts'

/** Raised when jobs of another version would not understand each other. */
const FORMAT = 1
const LOOK_MS = 500

/** Where stages that run as jobs run, and how. */
export interface JobPlace {
  executor: Executor
  /** Seen by all nodes under the same path. */
  folder: string
  visible: readonly string[]
  /** Lines of the shell ahead of a stage's program. */
  before: readonly string[]
  /** Path of Node there, and of the folder of queryloom. */
  program: string
  queryloom: string
  /** Where vectors of texts are kept that jobs compute. */
  embeddings: string
  /** What holds for a stage that says nothing of it. */
  of(stage: string): { shards: number; atOnce?: number; memory?: number }
  /** Whether jobs go on when the run is interrupted. */
  leave(): boolean
}

/** What a stage that ran as a job left. */
export interface JobEnd {
  summary: StageSummary
  observed: { [name: string]: Json }
  /** Folders of its outputs, complete. */
  outputs: { readonly [name: string]: string }
  /** Refuses what was read here if it is not what the job had written. */
  verify(recorded: { readonly [output: string]: RecordedOutput }): void
  /** Removes the job's files; call when the result is stored. */
  discard(): void
}

/**
 * Runs whole stages as jobs of an executor. Only the run itself writes the store: a job reads inputs from the shared
 * folder and leaves outputs there, under the action's key, so that a later run finds it, or what it left.
 */
export class StageJobs {
  readonly #place: JobPlace
  readonly #files: SharedFiles
  /** How many times the memory asked for is asked for now, by key: it was not enough. */
  readonly #memory = new Map<ActionKey, number>()
  readonly #ahead: EncodingAhead

  constructor(place: JobPlace, memo: StatMemo, models: Registry['models']) {
    this.#place = place
    this.#ahead = new EncodingAhead(place, models)
    sweepShared(place.folder, Date.now())
    this.#files = new SharedFiles(join(place.folder, 'files'), [place.folder, ...place.visible], memo)
  }

  /** Runs a node's stage to its end. Rejects with what it threw, or a StageError that says what became of its job. */
  async run(
    node: GraphNode,
    key: ActionKey,
    context: Pick<StageContext<never>, 'inputs' | 'options' | 'ask' | 'progress'>,
    { log, signal, onNote }: { log: string; signal: AbortSignal; onNote(note: string): void },
  ): Promise<JobEnd> {
    const { executor, before, folder, program, queryloom, leave, embeddings, of } = this.#place
    const resources = nodeResources(node, of(node.stage))
    const times = this.#memory.get(key) ?? 1
    const job: Job = {
      key: `${hexOf(key).slice(0, 40)}v${FORMAT}`,
      title: node.id,
      stage: node.stage,
      folder: join(folder, 'jobs', `${hexOf(key).slice(0, 40)}v${FORMAT}`),
      command: [program, join(queryloom, 'dist/engine/run/stage-job.js')],
      tasks: 1,
      passEnv: node.passEnv,
      resources: withMemory(resources, times),
    }
    const paths = await layOutJob(job, before)
    const task = paths.task(0)
    const order = {
      stage: node.definition.type,
      key,
      data: {
        node: node.id,
        options: node.options,
        inputs: await this.#files.inputs(context.inputs, join(task, 'inputs')),
        embeddings,
        cards: Array.from({ length: resources.gpus ?? 0 }, (_, card) => card),
      },
      env: node.env,
      passEnv: node.passEnv,
    }
    await this.#ahead.run({ node, context, order, signal, onNote })
    post(join(task, 'stage.json'), { ...order, outputs: Object.keys(node.outputs) } satisfies StageOrder)
    const broken = new AbortController()
    const followed = new Follower(paths.attempts, log, context, (error) => broken.abort(error))
    const looking = setInterval(() => followed.look(), LOOK_MS)
    try {
      const [outcome] = await runTasks(executor, job, {
        signal: AbortSignal.any([signal, broken.signal]),
        leave,
        onNote,
        onSubmission: (submission) => followed.logs.add(executor.log(submission, 0)),
        onStates: ([state]) => {
          if (state?.state === 'queued')
            context.progress(0, undefined, `in the queue${state.why === undefined ? '' : `: ${state.why}`}`)
          if (state?.state === 'running')
            context.progress(0, undefined, `runs${state.on === undefined ? '' : ` on ${state.on}`}`)
        },
      })
      if (!outcome) throw new Error('a job without a task')
      followed.look()
      if (!outcome.done) {
        if (outcome.cause.kind === 'out-of-memory') this.#memory.set(key, times * (node.retry.memory ?? 1))
        throw jobFailure(outcome, paths.attempts(0), `the job of ${node.id}`, log)
      }
      return endOf(paths.result(0), node, () => removeTree(job.folder))
    } finally {
      clearInterval(looking)
    }
  }
}

function endOf(result: string, node: GraphNode, discard: () => void): JobEnd {
  const end = letter(result, 'end.json')
  if (!end) throw new Error(`the job of ${node.id} left no account of itself in ${result}`)
  const outputs = Object.fromEntries(Object.keys(node.outputs).map((name) => [name, join(result, `output.${name}`)]))
  const verify = (recorded: { readonly [output: string]: RecordedOutput }): void => {
    for (const [output, { files }] of Object.entries(recorded)) {
      const written = end.digests[output] ?? {}
      const wrong = files.find(({ path, blob }) => written[path] !== blob)
      if (!wrong && files.length === Object.keys(written).length) continue
      throw new StageError(`what the job of ${node.id} wrote is read differently here: ${wrong?.path ?? output}`, {
        where: result,
        advice:
          'The shared file system shows old or torn files. Run again: the job itself has ended, and is not repeated.',
        transient: true,
      })
    }
  }
  const { summary, observed } = end
  return { summary, observed, outputs, verify, discard }
}

/** Hands on what a job says while it runs: its log, its progress, its questions to models. */
class Follower {
  readonly logs = new Set<string>()
  readonly #attempts: () => readonly string[]
  readonly #log: string
  readonly #context: Pick<StageContext<never>, 'ask' | 'progress'>
  readonly #asked = new Set<string>()
  readonly #read = new Map<string, number>()
  readonly #onBroken: (error: unknown) => void
  #progress = ''

  /** `onBroken` is told why the job can't be given an answer that it waits for. */
  constructor(
    attempts: (task: number) => readonly string[],
    log: string,
    context: Pick<StageContext<never>, 'ask' | 'progress'>,
    onBroken: (error: unknown) => void,
  ) {
    this.#attempts = () => attempts(0)
    this.#log = log
    this.#context = context
    this.#onBroken = onBroken
  }

  look(): void {
    for (const log of this.logs) {
      try {
        this.#follow(log)
      } catch {
        // A shared file system may refuse what it gives a moment later; no run ends for want of a log.
      }
    }
    for (const attempt of this.#attempts()) {
      const progress = letter(attempt, 'progress.json')
      const text = JSON.stringify(progress)
      if (progress && text !== this.#progress) {
        this.#progress = text
        this.#context.progress(progress.done, progress.total, progress.note)
      }
      for (const name of openQuestions(attempt)) {
        const question = `${attempt}/${name}`
        if (this.#asked.has(question)) continue
        this.#asked.add(question)
        this.#answer(attempt, name).catch((error: unknown) => {
          // Nobody waits for it in an attempt that is gone by now.
          if (existsSync(attempt)) this.#onBroken(error)
        })
      }
    }
  }

  async #answer(attempt: string, name: string): Promise<void> {
    const question = questionOf(attempt, name)
    if (!question) {
      this.#asked.delete(`${attempt}/${name}`)
      return
    }
    const { llm, requests, settings } = question
    const answered = await this.#context.ask(llm, requests, settings).then(
      (answers) => ({ answers }),
      (error: unknown) => ({ error: sendError(error) }),
    )
    if (existsSync(attempt)) reply(attempt, name, answered)
  }

  #follow(log: string): void {
    let file: number
    try {
      file = openSync(log, 'r')
    } catch {
      // Nothing was written yet.
      return
    }
    try {
      const buffer = Buffer.alloc(1 << 16)
      for (;;) {
        const from = this.#read.get(log) ?? 0
        const length = readSync(file, buffer, 0, buffer.length, from)
        if (length === 0) return
        appendFileSync(this.#log, buffer.subarray(0, length))
        this.#read.set(log, from + length)
      }
    } finally {
      closeSync(file)
    }
  }
}
