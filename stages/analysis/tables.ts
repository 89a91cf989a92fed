import { figure, intervalText, pText, signed } from '../../engine/util/figures.ts'
import { claimedText, differenceText } from '../../engine/util/tables/claim-cells.ts'
import type { Table } from '../../engine/util/tables/table.ts'
import type { Findings } from './findings.ts'

/** The tables of an analysis, in the order in which they are read. */
export function tablesOf(findings: Findings): Table[] {
  return [
    ...findings.collections.flatMap((one) => [
      systemsTable(one, findings.metrics),
      contrastsTable(one, findings.metrics),
      plateauTable(one, findings.metrics),
      ladderTable(one, findings.metrics),
      claimsTable(one),
    ]),
    macroTable(findings),
    macroContrastsTable(findings),
  ].filter(({ rows }) => rows.length > 0)
}

type Collection = Findings['collections'][number]

function systemsTable(one: Collection, metrics: readonly string[]): Table {
  const some = one.queries < one.all_queries
  return {
    title: `${one.collection}, ${one.split}, profile ${one.profile}: ${one.queries} ${some ? 'clean ' : ''}${one.queries === 1 ? 'query' : 'queries'}`,
    columns: [
      left('system'),
      ...metrics.flatMap((metric) => [right(metric), right('sd'), ...(some ? [right(`${metric}, all`)] : [])]),
      right('trainings'),
      right('steps'),
    ],
    rows: one.systems.map((system) => [
      system.system,
      ...metrics.flatMap((metric) => {
        const { mean, sd, all } = system.metrics[metric]!
        return [figure(mean), sd === null ? '' : figure(sd), ...(some ? [figure(all)] : [])]
      }),
      String(system.replicates),
      system.steps === null ? '' : rangeText(system.steps),
    ]),
    notes: [
      ...(some
        ? [
            `${one.all_queries - one.queries} of ${one.all_queries} queries are given away by training and left out but for the columns "all".`,
          ]
        : []),
      ...settingNote(one),
    ],
  }
}

function settingNote({ setting }: Collection): string[] {
  switch (setting) {
    case 'target-corpus':
      return ['Passages of this collection were augmented: part of a gain is coverage of the answers.']
    case 'other-corpus':
      return ['No answer of this collection was among the augmented passages.']
    default:
      return []
  }
}

function contrastsTable(one: Collection, [metric = '']: readonly string[]): Table {
  return {
    title: `Contrasts on ${one.collection}: ${metric}, ${one.contrasts.length} in the family`,
    columns: [
      left('system'),
      left('less'),
      right('difference'),
      right('95 % interval'),
      right('p, adjusted'),
      right('trainings'),
    ],
    rows: one.contrasts.map(({ a, b, difference, low, high, p, replicates }) => [
      a,
      b,
      signed(difference),
      intervalText({ low, high }),
      pText(p),
      String(replicates),
    ]),
    notes: one.contrasts.some(({ replicates }) => replicates === 1)
      ? ['Where there is one training, the result holds for these checkpoints only.']
      : [],
  }
}

function plateauTable(
  { collection, plateaus, plateaus_augmented }: Collection,
  [metric = '']: readonly string[],
): Table {
  const of = (chosen: typeof plateaus, which: string): string[][] =>
    chosen.map(({ system, points, at, undetermined }) => [
      which === '' ? system : `${system}, ${which}`,
      points.map(({ value, bound }) => `${value}: ${Number.isFinite(bound) ? figure(bound) : 'not known'}`).join('  '),
      at ?? `undetermined: ${undetermined}`,
    ])
  const [first] = plateaus
  return {
    title: `Plateau on ${collection}: what is missing to the largest ${first?.axis ?? ''} in ${metric} is below ${first?.delta ?? ''}`,
    columns: [left('system'), left('one-sided 95 % bounds'), left('from')],
    rows: [
      ...of(plateaus, ''),
      ...of(plateaus_augmented?.yes ?? [], 'answers augmented'),
      ...of(plateaus_augmented?.no ?? [], 'answers not augmented'),
    ],
    notes: [],
  }
}

function ladderTable({ collection, ladder }: Collection, [metric = '']: readonly string[]): Table {
  return {
    title: `Gain by strength before augmentation on ${collection}: ${metric}`,
    columns: [left('strength'), left('system'), right('before'), right('after'), right('gain'), right('of headroom')],
    rows: ladder.map(({ rung, system, before, after, gain, ofHeadroom }) => [
      rung,
      system,
      figure(before),
      figure(after),
      signed(gain),
      `${(100 * ofHeadroom).toFixed(1)} %`,
    ]),
    notes: [],
  }
}

function claimsTable({ collection, claims = [] }: Collection): Table {
  const rowsOf = ({ claim, verdict, differences }: (typeof claims)[number]): string[][] =>
    differences.map((one, i) => [
      i === 0 ? claim : '',
      i === 0 ? verdict : '',
      differenceText(one),
      one.difference ? signed(one.difference.mean) : '',
      one.difference ? intervalText(one.difference) : '',
      claimedText(one),
    ])
  return {
    title: `Claims on ${collection}`,
    columns: [
      left('claim'),
      left('verdict'),
      left('difference of'),
      right('is'),
      right('95 % interval'),
      left('claimed'),
    ],
    rows: claims.flatMap(rowsOf),
    notes: [
      ...new Set(
        claims.flatMap((one) =>
          one.differences.flatMap(({ why }) => (why === undefined ? [] : [`“${one.claim}” is undetermined: ${why}.`])),
        ),
      ),
    ],
  }
}

function macroTable({ macro, metrics }: Findings): Table {
  const groups = [...new Set(macro.means.flatMap((one) => one.groups.map(({ group }) => group)))]
  const sets = [...new Set(macro.means.map(({ collections }) => collections.join(', ')))]
  return {
    title: `Means over collections: ${metrics[0] ?? ''}`,
    columns: [left('system'), right('mean'), right('collections'), ...groups.map(right)],
    rows: macro.means.map(({ system, mean, collections, groups: own }) => [
      system,
      figure(mean),
      String(collections.length),
      ...groups.map((group) => {
        const found = own.find((one) => one.group === group)
        return found ? figure(found.mean) : ''
      }),
    ]),
    notes: sets.map((names) => `Collections: ${names}.`),
  }
}

function macroContrastsTable({ macro, metrics }: Findings): Table {
  return {
    title: `Contrasts over collections: ${metrics[0] ?? ''}`,
    columns: [left('system'), left('less'), right('difference'), right('95 % interval'), right('collections')],
    rows: macro.contrasts.map(({ a, b, difference, low, high, collections }) => [
      a,
      b,
      signed(difference),
      intervalText({ low, high }),
      String(collections),
    ]),
    notes: macro.contrasts.length > 0 ? ['Intervals take the collections as the sample.'] : [],
  }
}

function left(title: string): { title: string; align: 'left' } {
  return { title, align: 'left' }
}

function right(title: string): { title: string; align: 'right' } {
  return { title, align: 'right' }
}

function rangeText({ least, most }: { least: number; most: number }): string {
  return least === most ? String(least) : `${least} to ${most}`
}
