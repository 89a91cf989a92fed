import { type Quantiles, round6 } from '../data/quantiles.ts'
import type { Json, StageSummary } from '../define.ts'
import type { Decontaminated } from './decontaminate.ts'
import type { GoldPassages } from './gold-passages.ts'
import type { HoldOut } from './hold-out.ts'
import type { Mining } from './negatives/mine.ts'
import type { MixOptions } from './options.ts'
import type { SourceReader } from './sources.ts'

/** What the summary is made of. */
interface Outcome {
  options: MixOptions
  sources: SourceReader
  clean: Decontaminated
  right: HoldOut
  apart: number
  unshuffled: number
  mining: Mining
  written: readonly number[]
  total: number
  short: boolean
  dev: number
  teacher: { facts: object; margins: Quantiles | null; warnings: readonly string[] } | undefined
  gold: { before: ReturnType<GoldPassages['among']>; after: ReturnType<GoldPassages['among']> } | undefined
}

/** The stage's summary. */
export function summaryOf({
  options,
  sources,
  clean,
  right,
  written,
  total,
  mining,
  gold,
  ...rest
}: Outcome): StageSummary {
  const reports = sources.reports.slice(0, options.pairs.length)
  const details: { [name: string]: Json } = {
    sources: reports.map((report, i) => ({
      kind: report.kind,
      name: report.name,
      weight: options.pairs[i]?.weight ?? 1,
      read: report.read,
      empty: report.empty,
      decontaminated: clean.dropped[i] ?? 0,
      training: written[i] ?? 0,
      share: total === 0 ? 0 : round6((written[i] ?? 0) / total),
    })),
  }
  if (options.decontaminate)
    details.decontaminated = {
      evaluation_queries_reached: clean.queries,
      ...(gold
        ? {
            gold: {
              dropped: clean.byPassage,
              rows: { before: gold.before.rows, after: gold.after.rows },
              evaluation_queries: { before: gold.before.queries, after: gold.after.queries },
            },
          }
        : {}),
    }
  if (options.dev !== 'none') details.dev = { passages: right.passages, dropped_with_their_query: right.dropped }
  if (options.cross_fit) details.cross_fit = { left_out: rest.apart }
  const found = mining.reports()
  if (found.length > 0) details.mining = [...found]
  if (rest.teacher)
    details.teacher = { ...(rest.teacher.facts as { [name: string]: Json }), margin: rest.teacher.margins }
  const warnings: string[] = [...(rest.teacher?.warnings ?? [])]
  if (rest.unshuffled > 0)
    warnings.push(`left out for want of passages to shuffle them among: ${rest.unshuffled} pairs`)
  if (total === 0) warnings.push('there is nothing to train on')
  if (rest.short) warnings.push(tooFew(options))
  if (mining.incomplete > 0)
    warnings.push(`${mining.incomplete} negatives could not be judged, and will be asked about again`)
  return {
    counts: {
      pairs: reports.reduce((sum, { read }) => sum + read, 0),
      empty: reports.reduce((sum, { empty }) => sum + empty, 0),
      decontaminated: clean.dropped.reduce((sum, rows) => sum + rows, 0),
      training: total,
      dev: rest.dev,
      ...(mining.positives.length === 0 ? {} : { relabelled: mining.positives.length }),
    },
    ...(mining.incomplete === 0 ? {} : { incomplete: mining.incomplete }),
    ...(warnings.length > 0 ? { warnings } : {}),
    details,
  }
}

function tooFew({ negatives }: MixOptions): string {
  return typeof negatives === 'object' && ('from' in negatives || negatives.fill === 'none')
    ? 'some rows have fewer negatives than asked for: the mining report says why'
    : 'the corpus is too small for so many negatives: some rows have fewer'
}
