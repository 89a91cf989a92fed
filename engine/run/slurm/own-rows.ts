import type { Submission } from '../executor.ts'
import { readArrayName } from './sbatch-words.ts'
import { isLive, type QueueRow } from './slurm-states.ts'

/**
 * What the queue says of a submission's tasks. An array whose submission was repeated, since Slurm had taken it and could not
 * say so, is there twice: the first is the one that counts, and `copies` are the jobs that must go.
 */
export function ownRows(
  { id, tasks }: Submission,
  all: readonly QueueRow[],
): { rows: readonly { task: number; row: QueueRow }[]; copies: readonly string[] } {
  const found = all.flatMap((row) => {
    const ours = readArrayName(row.name)
    const task = ours?.submission === id ? tasks[ours.offset + row.index] : undefined
    return task === undefined ? [] : [{ task, row }]
  })
  const firsts = new Map<string, number>()
  for (const { row } of found)
    firsts.set(row.name, Math.min(Number(row.job), firsts.get(row.name) ?? Number.POSITIVE_INFINITY))
  const isFirst = ({ name, job }: QueueRow): boolean => Number(job) === firsts.get(name)
  return {
    rows: found.filter(({ row }) => isFirst(row)),
    copies: [...new Set(found.filter(({ row }) => !isFirst(row) && isLive(row)).map(({ row }) => row.job))],
  }
}
