import { differenceText } from '../util/tables/claim-cells.ts'
import type { AnalysedCollection } from './analysis.ts'
import type { Report } from './report.ts'
import { REPORT_PARTS } from './report-table-names.ts'

/** A cell of a table: numbers are rounded where people read them, and whole where programs do. */
export type Cell = string | number | null

/** A table of the report beside that of its systems. */
export interface ReportPart {
  /** What `--table` calls it. */
  name: string
  title: string
  columns: readonly string[]
  rows: readonly (readonly Cell[])[]
  notes?: string
}

/** What the page shows below its systems, as tables with a row for each number. */
export function reportParts(report: Report): readonly ReportPart[] {
  const made = { ...found(report), ...asked(report) }
  return REPORT_PARTS.map((name) => ({ name, ...made[name] }))
}

type Parts = { [name in (typeof REPORT_PARTS)[number]]: Omit<ReportPart, 'name'> }

/** What was measured and concluded. */
function found(
  report: Report,
): Pick<Parts, 'curves' | 'task-groups' | 'contrasts' | 'plateaus' | 'claims' | 'ladder' | 'filters' | 'diversity'> {
  const { collections, task_groups, analyses, funnels, diversity } = report
  const analysed = <Row extends readonly Cell[]>(rows: (one: AnalysedCollection, metric: string) => Row[]): Row[] =>
    analyses.flatMap(({ metrics, collections: all }) => all.flatMap((one) => rows(one, metrics[0] ?? '')))
  return {
    curves: {
      title: 'Scale and density curves',
      columns: ['collection', 'metric', 'axis', 'system', 'value', 'mean', 'low', 'high', 'plateau'],
      rows: collections.flatMap(({ dataset, curves: sets }) =>
        sets.flatMap(({ axis, metric, curves }) =>
          curves.flatMap(({ system, variant, points, plateau }) => {
            const others = Object.entries(variant).map(([name, value]) => `${name}=${value}`)
            const label = others.length === 0 ? system : `${system} [${others.join(', ')}]`
            const flat = plateau.at === undefined ? `undetermined: ${plateau.undetermined ?? ''}` : `from ${plateau.at}`
            return points.map(({ x, mean, low, high }) => [dataset, metric, axis, label, x, mean, low, high, flat])
          }),
        ),
      ),
      notes: 'Means with 95 % intervals over queries and trainings.',
    },
    'task-groups': {
      title: 'By kind of task',
      columns: ['metric', 'profile', 'system', 'kind', 'mean', 'collections'],
      rows: task_groups.flatMap(({ metric, profile, groups, rows }) =>
        rows.flatMap(({ system, values, all }) => [
          ...groups.map(({ name, sets }, i): Cell[] => {
            return [metric, profile, system, name, values[i] ?? null, sets.map((set) => set.name).join(', ')]
          }),
          [metric, profile, system, 'all', all, ''],
        ]),
      ),
    },
    contrasts: {
      title: 'Contrasts',
      columns: ['collection', 'metric', 'system', 'less', 'difference', 'low', 'high', 'p, adjusted', 'trainings'],
      rows: analysed(({ collection, contrasts }, metric) =>
        contrasts.map(({ a, b, difference, low, high, p, replicates }) => {
          return [collection, metric, a, b, difference, low, high, p, replicates]
        }),
      ),
    },
    plateaus: {
      title: 'Plateaus',
      columns: ['collection', 'system', 'axis', 'delta', 'from', 'undetermined'],
      rows: analysed(({ collection, plateaus }) =>
        plateaus.map(({ system, axis, delta, at, undetermined }) => {
          return [collection, system, axis, delta, at ?? null, undetermined ?? '']
        }),
      ),
    },
    claims: {
      title: 'Claims',
      columns: ['collection', 'claim', 'verdict', 'difference of', 'is', 'low', 'high', 'above', 'below', 'why'],
      rows: analysed(({ collection, claims = [] }) =>
        claims.flatMap(({ claim, verdict, differences }) =>
          differences.map((one): Cell[] => {
            const { mean = null, low = null, high = null } = one.difference ?? {}
            const claimed = [one.above ?? null, one.below ?? null, one.why ?? '']
            return [collection, claim, verdict, differenceText(one), mean, low, high, ...claimed]
          }),
        ),
      ),
    },
    ladder: {
      title: 'Gain by strength before augmentation',
      columns: ['collection', 'metric', 'strength', 'system', 'before', 'after', 'gain', 'of headroom'],
      rows: analysed(({ collection, ladder }, metric) =>
        ladder.map(({ rung, system, before, after, gain, ofHeadroom }) => {
          return [collection, metric, rung, system, before, after, gain, ofHeadroom]
        }),
      ),
    },
    filters: {
      title: 'Filters',
      columns: ['filter', 'pairs', 'step', 'dropped', 'kept'],
      rows: funnels.flatMap(({ node, pairs, steps }) =>
        steps.map(({ step, dropped, kept }) => [node, pairs, step, dropped, kept]),
      ),
    },
    diversity: {
      title: 'Diversity of queries',
      columns: ['generator', 'queries', 'distinct-1', 'distinct-2', 'self-BLEU'],
      rows: diversity.map(({ node, queries, distinct_1, distinct_2, self_bleu }) => {
        return [node, queries, distinct_1, distinct_2, self_bleu]
      }),
    },
  }
}

/** What people and models were asked, and how all of it was made. */
function asked({
  by_hand,
  costs,
  provenance,
}: Report): Pick<Parts, 'labels' | 'pools' | 'costs' | 'projections' | 'provenance'> {
  return {
    labels: {
      title: 'Queries judged by hand',
      columns: ['queries of', 'judged', 'label', 'pairs', 'share', 'low', 'high'],
      rows: by_hand.queries.flatMap(({ source, judged, said }) =>
        said.map(({ title, count, low, high }) => [source, judged, title, count, count / judged, low, high]),
      ),
      notes: 'Shares of the judged pairs, with 95 % intervals. Several things can be said of one.',
    },
    pools: {
      title: 'Judged pools',
      columns: ['pool of', 'queries', 'pairs', 'judged', 'by hand', 'relevant', 'kappa', 'low', 'high', 'circular'],
      rows: by_hand.pools.map(({ node, counts, circular, agreement }) => {
        const { value = null, low = null, high = null } = agreement?.weighted_kappa ?? {}
        const numbers = ['queries', 'pairs', 'judged', 'by_hand', 'relevant'].map((name) => counts[name] ?? null)
        return [node, ...numbers, value, low, high, circular ? 'yes' : 'no']
      }),
      notes: 'Kappa, quadratically weighted, between the model and people.',
    },
    costs: {
      title: 'What models were asked',
      columns: ['node', 'model', 'new', 'stored', 'failed', 'tokens in', 'tokens out', 'seconds', 'money'],
      rows: costs.spent.uses.map((use) => {
        const { node, model, cached, failed, input_tokens, output_tokens, seconds, money } = use
        return [node, model, use.new, cached, failed, input_tokens, output_tokens, seconds, money]
      }),
      notes: `In all runs whose journals are there: ${costs.spent.runs}.`,
    },
    projections: {
      title: 'Time and money until a corpus can be searched',
      columns: ['passages', 'generator', 'seconds', 'low', 'high', 'money'],
      rows: costs.projections.flatMap(({ passages, totals }) =>
        totals.map(({ node, seconds, money }): Cell[] => {
          return [passages, node, seconds.value, seconds.low ?? null, seconds.high ?? null, money?.value ?? null]
        }),
      ),
      notes: 'Generation, training and encoding on the same machines, from what runs took.',
    },
    provenance: {
      title: 'How the numbers were made',
      columns: ['node', 'stage type', 'up to date', 'made', 'seconds', 'run', 'made from', 'outputs', 'key'],
      rows: provenance.nodes.map((made) => [
        made.node,
        made.uses,
        made.fresh ? 'yes' : 'no',
        made.origin === undefined ? made.made : `${made.made}, taken from ${made.origin}`,
        made.seconds,
        made.run,
        made.inputs
          .map(({ input, from, node, prompt }) => {
            const source = node ?? (prompt === undefined ? from : `${from} (prompt ${prompt + 1})`)
            return `${input}: ${source}`
          })
          .join('; '),
        made.outputs.map(({ name, digest }) => `${name} ${digest}`).join('; '),
        made.key,
      ]),
    },
  }
}
