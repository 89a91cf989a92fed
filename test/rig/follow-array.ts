import { runTasks } from '../../engine/run/jobs/run-tasks.ts'
import { slurmCalls } from '../../engine/run/slurm/slurm-commands.ts'
import { SlurmExecutor } from '../../engine/run/slurm/slurm-executor.ts'
import { jobOf } from '../engine/run/jobs/job-of.ts'

// A process that does nothing but follow one array: `follow-array.ts FOLDER TASKS OPTION...`. Prints what that took.

/** What following came to. */
export interface Followed {
  /** Tasks that have no answer. */
  failed: number
  /** Calls by program, and those of `sbatch` that Slurm answered. */
  calls: { sbatch: number; squeue: number; scancel: number; sacct: number }
  taken: number
  notes: string[]
  /** Most memory that the process had. */
  rssMiB: number
}

const [folder, tasks, ...options] = process.argv.slice(2)
const { call, counts } = slurmCalls()
const notes: string[] = []
let taken = 0
const executor = new SlurmExecutor({
  call: async (program, ...words) => {
    const answer = await call(program, ...words)
    if (answer.kind !== 'answer') notes.push(`${program}: ${answer.message}`)
    else if (program === 'sbatch') taken++
    return answer
  },
  settings: () => ({ options }),
  onNote: (note) => notes.push(note),
})
const job = await jobOf('echo $QUERYLOOM_TASK >answer', { folder: folder as string, tasks: Number(tasks) })
const outcomes = await runTasks(executor, job, {
  signal: new AbortController().signal,
  onNote: (note) => notes.push(note),
})
const followed: Followed = {
  failed: outcomes.filter(({ done }) => !done).length,
  calls: { ...counts },
  taken,
  notes,
  rssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
}
console.log(JSON.stringify(followed))
