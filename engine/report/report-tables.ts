import { intervalText, pText, signed } from '../util/figures.ts'
import { csvText } from '../util/tables/formats.ts'
import type { Table } from '../util/tables/table.ts'
import type { CollectionReport, Report } from './report.ts'
import { type ReportPart, reportParts } from './report-parts.ts'
import type { ReportTableName } from './report-table-names.ts'
import { count, counted } from './words.ts'

/** One table of the report; by default that of its systems. */
export function reportCsv(report: Report, table: ReportTableName = 'systems'): string {
  if (table === 'systems') return systemsCsv(report)
  const { columns, rows } = reportParts(report).find(({ name }) => name === table) as ReportPart
  return csvText(columns, rows)
}

/** A row for each metric of a system on a collection. */
function systemsCsv({ collections }: Report): string {
  const rows = collections.flatMap((one) =>
    one.systems.flatMap((system) =>
      Object.entries(system.metrics).map(([metric, { mean, sd, all }]) => {
        const { contrast } = system
        const tested = contrast !== null && metric === one.metrics[0]
        return [
          one.dataset,
          one.split,
          one.profile,
          system.system,
          metric,
          mean,
          sd,
          all,
          system.replicates,
          one.clean || one.queries,
          ...(tested ? [one.baseline, contrast.difference, contrast.low, contrast.high, contrast.p] : NOT_TESTED),
        ]
      }),
    ),
  )
  return csvText(COLUMNS, rows)
}

const COLUMNS = [
  'dataset',
  'split',
  'profile',
  'system',
  'metric',
  'mean',
  'sd',
  'mean_all_queries',
  'trainings',
  'queries',
  'baseline',
  'difference',
  'low',
  'high',
  'p',
]
const NOT_TESTED = [null, null, null, null, null]

/** The headline table of a collection, as texts. */
export function headlineTable(one: CollectionReport): Table {
  const { dataset, split, profile, metrics, systems, queries, clean, baseline } = one
  const right = (title: string): Table['columns'][number] => ({ title, align: 'right' })
  const tested = systems.some(({ contrast }) => contrast !== null)
  return {
    title: `${dataset}, ${split}, profile ${profile}: ${clean ? `${count(clean)} clean of ` : ''}${counted(queries, 'query', 'queries')}`,
    columns: [
      { title: 'system', align: 'left' },
      ...metrics.flatMap((metric) => [right(metric), right('sd')]),
      ...(tested ? [right(`against ${baseline}`), right('95 % interval'), right('p')] : []),
      right('trainings'),
    ],
    rows: systems.map(({ system, metrics: own, contrast, replicates, fresh }) => [
      `${system}${fresh ? '' : ' *'}`,
      ...metrics.flatMap((metric) => {
        const found = own[metric]
        return found ? [found.mean.toFixed(4), found.sd?.toFixed(4) ?? ''] : ['-', '']
      }),
      ...(tested
        ? contrast
          ? [signed(contrast.difference), intervalText(contrast), pText(contrast.p)]
          : ['', '', '']
        : []),
      String(replicates),
    ]),
    notes: [
      ...(clean === 0
        ? ['Every query was given away by the training of some system: nothing can be concluded from these numbers.']
        : []),
      ...(systems.every(({ fresh }) => fresh) ? [] : ['* older than the pipeline: run it for its newest numbers']),
    ],
  }
}
