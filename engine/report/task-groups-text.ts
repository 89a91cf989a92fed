import { type Paint, plainPaint } from './colour.ts'
import type { TaskGroupTable } from './task-groups.ts'
import { textTable } from './text-table.ts'
import { counted } from './words.ts'

/** A table over kinds of tasks for people, with the collections behind each mean. */
export function taskGroupsText(table: TaskGroupTable, paint: Paint = plainPaint): string {
  const { metric, profile, groups, rows } = table
  const sets = groups.flatMap((group) => group.sets)
  const text = textTable(
    [
      { title: 'system', align: 'left' },
      ...groups.map(({ name }) => ({ title: name, align: 'right' as const })),
      { title: 'all', align: 'right' },
    ],
    rows.map(({ system, values, all }) => [system, ...[...values, all].map((value) => value?.toFixed(4) ?? '-')]),
  )
  const [heading = '', ...lines] = text.split('\n')
  const listed = groups.map(({ name, sets: of }) => {
    const names = of.map((set) =>
      set.parts.length === 1 && set.parts[0] === set.name ? set.name : `${set.name} (mean of ${set.parts.join(', ')})`,
    )
    return `${name}: ${names.join(', ')}`
  })
  const title = `${metric} by kind of task, profile ${profile}: all queries of ${counted(sets.length, 'collection')}`
  return [paint('bold', title), paint('dim', heading), ...lines, ...listed].join('\n')
}
