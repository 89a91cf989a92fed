import type { TaskState } from '../executor.ts'
import type { CallSlurm } from './slurm-commands.ts'
import { verdictOf } from './slurm-states.ts'

/**
 * What became of tasks that the queue has forgotten: from the accounting database, or from the log of completed jobs.
 * Clusters may have neither, or hide it; then nothing is known.
 */
export class Accounting {
  readonly #call: CallSlurm
  #sources: readonly (readonly string[])[] = [['--allocations'], ['--completion']]

  constructor(call: CallSlurm) {
    this.#call = call
  }

  /** The end of a task by its own number (not that of its array); undefined where nothing is recorded. */
  async verdict(raw: string): Promise<TaskState | undefined> {
    for (const source of this.#sources) {
      const words = [...source, '--noheader', '--parsable2', `--jobs=${raw}`, '--format=JobID,State,NodeList']
      const answer = await this.#call('sacct', words)
      if (answer.kind === 'refused') this.#sources = this.#sources.filter((other) => other !== source)
      if (answer.kind !== 'answer') continue
      // A task that was put back into the queue has a line for each time: the last counts.
      const line = answer.text.trim().split('\n').at(-1) ?? ''
      const [id, state = '', nodes = ''] = line.split('|')
      if (!id || state === '') continue
      const verdict = verdictOf({ state, reason: '', nodes })
      if (verdict.state !== 'ended') return verdict
    }
    return undefined
  }
}
