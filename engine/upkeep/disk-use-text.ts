import { textTable } from '../report/text-table.ts'
import { bytes, count, printable } from '../report/words.ts'
import type { Amount, DiskUse } from './disk-use.ts'

/** What a store takes room for, as tables; `cap` is in bytes, null where there is none. */
export function diskUseText(use: DiskUse, store: string, cap: number | null): string {
  const named = Object.entries(use.kinds).filter(([, { bytes: size }]) => size > 0)
  const parts = [
    `${bytes(use.bytes)} in ${store}; outputs, views and embeddings are trimmed at ${cap === null ? 'no size' : bytes(cap)}`,
    table('what', 'files', named),
  ]
  const models = Object.entries(use.models)
  if (models.length > 0) parts.push(table('answers of', 'rows', models))
  if (use.pipelines.length > 0) {
    const title = ({ project, pipeline }: { project: string; pipeline: string }): string =>
      project === '.' ? pipeline : `${pipeline} of ${project}`
    parts.push(
      table(
        'outputs of',
        'files',
        use.pipelines.map((one) => [title(one), one]),
      ),
    )
  }
  return parts.join('\n\n')
}

function table(what: string, counted: string, rows: readonly (readonly [string, Amount])[]): string {
  const sorted = [...rows].sort(([, a], [, b]) => b.bytes - a.bytes)
  return textTable(
    [
      { title: what, align: 'left' },
      { title: 'size', align: 'right' },
      { title: counted, align: 'right' },
    ],
    sorted.map(([name, amount]) => [
      printable(name).replace(/\s+/g, ' '),
      bytes(amount.bytes),
      amount.count > 0 ? count(amount.count) : '',
    ]),
  )
}
