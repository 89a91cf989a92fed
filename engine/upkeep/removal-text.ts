import { bytes, count, counted, moment, printable } from '../report/words.ts'
import type { Removal } from './remove-results.ts'

/** What `cache rm` forgot, or would. */
export function removalText(found: readonly Removal[], isDone: boolean): string {
  const lines = found.map(({ pipeline, node, key, startedAt, bytes: size, keptBy }) => {
    const digits = key.slice('sha256:'.length).slice(0, 12)
    const note = keptBy === 'lockfile' || keptBy === 'tag' ? ` (a ${keptBy} names it)` : ''
    return `${printable(node)} of ${printable(pipeline)}: ${digits}, ${bytes(size)}, made ${moment(startedAt)}${note}`
  })
  const rows = found.reduce((sum, removal) => sum + removal.rows, 0)
  lines.push(
    isDone
      ? `${counted(found.length, 'result')} forgotten; cache gc frees the room`
      : `${counted(found.length, 'result')} would be forgotten: say --yes to do it`,
  )
  if (rows > 0) lines.push(`The ${count(rows)} answers of models that they were made from stay: they were paid for.`)
  return lines.join('\n')
}
