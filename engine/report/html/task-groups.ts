import { figure } from '../../util/figures.ts'
import type { TaskGroupTable } from '../task-groups.ts'
import { type Html, html } from './markup.ts'
import { htmlTable } from './table.ts'

/** Means over the collections of each kind of task. */
export function taskGroupsBody(tables: readonly TaskGroupTable[]): Html {
  return html`${tables.map(({ metric, profile, groups, rows }) => {
    const name = `${metric}, profile ${profile}`
    const cell = (value: number | null): string => (value === null ? '–' : figure(value))
    return html`<h3>${name}</h3>${htmlTable(
      name,
      ['system', ...groups.map(({ name: group }) => ({ n: group })), { n: 'all' }],
      rows.map(({ system, values, all }) => [system, ...values.map(cell), cell(all)]),
    )}
<ul class="notes">${groups.map(({ name: group, sets }) => html`<li>${group}: ${sets.map((set) => set.name).join(', ')}</li>`)}</ul>`
  })}`
}
