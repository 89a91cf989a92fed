import { basename, join } from 'node:path'
import type { EncodedCorpus, Registry, StageContext } from '../../../stages/define.ts'
import type { GraphNode } from '../../plan/node.ts'
import type { Job, TaskState } from '../executor.ts'
import type { JobPlace } from '../stage-jobs.ts'
import { alone } from './alone.ts'
import { jobFailure } from './job-failure.ts'
import { type JobFolder, layOutJob } from './job-folder.ts'
import { nodeResources, withMemory } from './node-resources.ts'
import { runTasks } from './run-tasks.ts'
import { letter, post, type StageOrder } from './stage-mail.ts'

const LOOK_MS = 2_000

/** Node whose corpora are encoded, and who is told of it. */
export interface AheadOf {
  node: GraphNode
  context: Pick<StageContext<never>, 'inputs' | 'options' | 'progress'>
  /** What its tasks are told, but which share is theirs. */
  order: Omit<StageOrder, 'share' | 'outputs'>
  signal: AbortSignal
  onNote(note: string): void
}

/**
 * Has large corpora encoded by arrays of tasks before the stage that searches them is submitted: it finds the vectors. Each
 * task stores what it computes as it goes, so that a lost one costs what it had not computed; a corpus whose shares are
 * all done is not cut again as long as its vectors are there.
 */
export class EncodingAhead {
  readonly #place: JobPlace
  readonly #models: Registry['models']
  readonly #running = new Map<string, Promise<void>>()
  /** How many times the memory asked for is asked for now, by folder: it was not enough. */
  readonly #memory = new Map<string, number>()

  constructor(place: JobPlace, models: Registry['models']) {
    this.#place = place
    this.#models = models
  }

  async run(ahead: AheadOf): Promise<void> {
    const { node, context, order } = ahead
    const { shards } = this.#place.of(node.stage)
    const corpora = (shards > 1 && (await node.definition.encodes?.(context))) || []
    for (const corpus of corpora) {
      const input = context.inputs[corpus.encoder]
      const shares = await this.#models.encoding.shares(corpus, input, order.data.embeddings, shards)
      if (!shares) continue
      const { folder, count } = shares
      // Nodes of a sweep search one corpus with one encoder.
      const running = this.#running.get(folder) ?? this.#encode(ahead, corpus, folder, count)
      this.#running.set(folder, running)
      try {
        await running
      } catch (error) {
        this.#running.delete(folder)
        throw error
      }
    }
  }

  async #encode(
    { node, context, order, signal, onNote }: AheadOf,
    { encoder, digest }: EncodedCorpus,
    folder: string,
    count: number,
  ): Promise<void> {
    const { executor, before, program, queryloom, leave, of } = this.#place
    const { atOnce, ...defaults } = of(node.stage)
    const resources = nodeResources(node, defaults)
    const times = this.#memory.get(folder) ?? 1
    const job: Job = {
      key: basename(folder),
      title: `${node.id} encoding`,
      stage: node.stage,
      folder,
      command: [program, join(queryloom, 'dist/engine/run/stage-job.js')],
      tasks: count,
      ...(atOnce === undefined ? {} : { limit: atOnce }),
      passEnv: node.passEnv,
      resources: withMemory(resources, times),
    }
    const paths = await layOutJob(job, before)
    for (let number = 0; number < count; number++) {
      const share = { encoder, digest, number, of: count }
      post(join(paths.task(number), 'stage.json'), { ...order, outputs: [], share } satisfies StageOrder)
    }
    let states: readonly TaskState[] = []
    const tell = (): void => context.progress(encoded(paths, count), undefined, `passages encoded${noteOf(states)}`)
    const looking = setInterval(tell, LOOK_MS)
    try {
      // Another run may search the same corpus, of another store too.
      const outcomes = await alone(folder, { signal, onNote }, () =>
        runTasks(executor, job, {
          signal,
          leave,
          onNote,
          onStates: (now) => {
            states = now
            tell()
          },
        }),
      )
      for (const [task, outcome] of outcomes.entries()) {
        if (outcome.done) continue
        if (outcome.cause.kind === 'out-of-memory') this.#memory.set(folder, times * (node.retry.memory ?? 1))
        throw jobFailure(outcome, paths.attempts(task), `task ${task} of the encoding ahead of ${node.id}`, outcome.log)
      }
    } finally {
      clearInterval(looking)
    }
  }
}

/** Passages that tasks say to have encoded. */
function encoded({ attempts, result }: JobFolder, count: number): number {
  let sum = 0
  for (let task = 0; task < count; task++) {
    const done = [result(task), ...attempts(task)].map((folder) => letter(folder, 'progress.json')?.done ?? 0)
    sum += Math.max(...done)
  }
  return sum
}

function noteOf(states: readonly TaskState[]): string {
  const count = (state: TaskState['state']): number => states.filter((one) => one.state === state).length
  const [why] = states.flatMap((one) => (one.state === 'queued' && one.why) || [])
  return [
    ` ahead, ${count('done')} of ${states.length} shares done`,
    ...(count('running') > 0 ? [`${count('running')} running`] : []),
    ...(count('queued') > 0 ? [`${count('queued')} waiting${why === undefined ? '' : ` (${why})`}`] : []),
  ].join(', ')
}
