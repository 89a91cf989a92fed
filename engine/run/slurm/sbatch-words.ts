import type { Job, TaskResources } from '../executor.ts'

/** Where jobs go and what they ask for beside their resources: what a profile says. */
export interface SlurmSettings {
  partition?: string
  account?: string
  qos?: string
  constraint?: string
  /** Longest time of a task that says none itself. */
  timeMs?: number
  /** How cards are asked for; `{count}` stands for their number. */
  gpus?: string
  /** Further options of `sbatch`, a word each. */
  options?: readonly string[]
}

const DEFAULT_GPUS = '--gres=gpu:{count}'
const MIB = 2 ** 20

/** The options of `sbatch` for tasks that need this and go there. */
export function resourceWords(resources: TaskResources, settings: SlurmSettings): string[] {
  const { cpus, memory, gpus = 0, timeMs = settings.timeMs } = resources
  const named = (['partition', 'account', 'qos', 'constraint'] as const).flatMap((name) =>
    settings[name] === undefined ? [] : [`--${name}=${settings[name]}`],
  )
  return [
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cpus}`,
    ...(memory > 0 ? [`--mem=${Math.ceil(memory / MIB)}M`] : []),
    ...(gpus > 0 ? [(settings.gpus ?? DEFAULT_GPUS).replaceAll('{count}', String(gpus))] : []),
    // Slurm counts minutes.
    ...(timeMs === undefined ? [] : [`--time=${Math.ceil(timeMs / 60_000)}`]),
    ...named,
    ...(settings.options ?? []),
  ]
}

/** Names a part of a submission, so that it is found in the queue by whoever knows the job's key. */
export function arrayName({ title, key }: Job, submission: string, offset: number): string {
  const shown = title.replaceAll(/[^A-Za-z0-9_.=-]+/g, '-').slice(0, 60)
  return `${shown}.${key.slice(0, 24)}.${submission}.${offset}`
}

/** The submission and the offset that a job's name tells; undefined for jobs that are not ours. */
export function readArrayName(name: string): { submission: string; offset: number } | undefined {
  const [, submission, offset] = /\.([0-9a-f]{16})\.(\d+)$/.exec(name) ?? []
  return submission === undefined ? undefined : { submission, offset: Number(offset) }
}

/** What a job says of itself to whoever looks at the queue. */
export function commentOf({ key, title }: Job): string {
  return `queryloom ${key} ${title.replaceAll(/[^\x20-\x7e]|[|'"`$\\]/g, '?')}`
}
