import type { Outcome } from '../report/audited/outcome.ts'
import { type Column, textTable } from '../report/text-table.ts'

/** What people found, a line for each source: shares with their 95 % intervals. */
export function outcomeText(outcomes: readonly Outcome[]): string {
  const titles = outcomes[0]?.said.map(({ title }) => title.toLowerCase()) ?? []
  const columns: Column[] = [
    { title: 'judged by hand', align: 'left' },
    ...['pairs', ...titles].map((title): Column => ({ title, align: 'right' })),
  ]
  return textTable(
    columns,
    outcomes.map(({ source, judged, said }) => [
      source,
      String(judged),
      ...said.map(({ count, low, high }) => shareText(count, judged, low, high)),
    ]),
  )
}

/** `40 % (31–50)`; nothing of nothing. */
function shareText(count: number, of: number, low: number, high: number): string {
  if (of === 0) return '–'
  const percent = (share: number): string => String(Math.round(100 * share))
  return `${percent(count / of)} % (${percent(low)}–${percent(high)})`
}
