import { figure, intervalText, pText, signed } from '../../util/figures.ts'
import { counted, printable } from '../words.ts'
import type { AnalysisChange } from './analysis-changes.ts'
import type { Block } from './blocks.ts'
import { changeText, identityText } from './change-text.ts'
import type { Missing, SidesComparison, ToldSide } from './comparison.ts'
import type { CollectionEffect, SystemEffect } from './effects.ts'
import { queryBlocks } from './query-blocks.ts'
import { partsOf } from './side.ts'

const ALPHA = 0.05
/** Names that are listed before the rest is only counted. */
const NAMED = 6

const left = (title: string) => ({ title, align: 'left' as const })
const right = (title: string) => ({ title, align: 'right' as const })

/** A comparison for people: the sides, what changed, what it did, what can't be told. */
export function comparisonBlocks(comparison: SidesComparison, width: number): Block[] {
  const { a, b, effects, analyses, missing, queries, notes } = comparison
  return [
    { kind: 'list', items: [sideText('A', a), sideText('B', b)] },
    ...changeBlocks(comparison),
    ...effects.flatMap(effectBlocks),
    ...(effects.length === 0 ? [{ kind: 'heading' as const, text: 'What it did' }, nothingMeasured(comparison)] : []),
    ...analyses.flatMap(analysisBlocks),
    ...(queries ? queryBlocks(queries, width) : []),
    ...(missing.length > 0
      ? [
          { kind: 'heading' as const, text: 'Without a result here' },
          { kind: 'list' as const, items: missing.map(missingText) },
        ]
      : []),
    ...(notes.length > 0 ? [{ kind: 'list' as const, items: [...notes] }] : []),
  ]
}

function sideText(letter: string, { name, about, nodes, notes }: ToldSide): string {
  const what = [about, counted(nodes, 'node')].filter((one) => one !== null).join(', ')
  return [
    `${letter}  ${printable(name)} (${printable(what)})`,
    ...notes.map((note) => `note: ${printable(note)}`),
  ].join('; ')
}

function changeBlocks({ changes }: SidesComparison): Block[] {
  const { changed, identities, following, same, only } = changes
  const blocks: Block[] = [{ kind: 'heading', text: 'What changed' }]
  for (const { nodes, changes: of } of changed)
    blocks.push({ kind: 'list', title: nodesText(nodes), items: of.map(changeText) })
  if (identities.length > 0) blocks.push({ kind: 'list', items: identities.map(identityText) })
  const rest = [
    ...(following.length > 0 ? [`following from that: ${nodesText(following)}`] : []),
    ...(only.a.length > 0 ? [`only in A: ${nodesText(only.a)}`] : []),
    ...(only.b.length > 0 ? [`only in B: ${nodesText(only.b)}`] : []),
    ...(same > 0 ? [`${counted(same, 'node')} ${same === 1 ? 'is' : 'are'} the same`] : []),
  ]
  blocks.push({ kind: 'list', items: rest.length > 0 ? rest : ['nothing: neither side has nodes that the other has'] })
  return blocks
}

function effectBlocks(effect: CollectionEffect): Block[] {
  const { dataset, split, profile, queries, clean, leaked, metrics, systems } = effect
  const place = [dataset, split, `profile ${profile}`].filter((one) => one !== '').join(', ')
  const over = clean ? counted(queries, 'clean query', 'clean queries') : counted(queries, 'query', 'queries')
  const others = systems.filter(({ outcome }) => outcome === 'other-measure')
  const shown = systems.filter(({ outcome }) => outcome === 'tested')
  const same = systems.filter(({ outcome }) => outcome === 'same')
  return [
    { kind: 'heading', text: `What it did on ${printable(place)}: ${over}` },
    ...(shown.length > 0 ? metrics.map((metric) => metricTable(metric, shown)) : []),
    {
      kind: 'list',
      items: [
        ...(shown.length > 0 && leaked ? ['training gave every query away: nothing can be concluded from this'] : []),
        ...(shown.length > 0 && !leaked ? [conclusion(metrics[0] as string, shown)] : []),
        ...(same.length > 0 ? [`the same scores: ${namesText(same.map(({ system }) => system))}`] : []),
        ...others.map(({ system, why }) => `${system} can't be compared: ${why}`),
      ],
    },
  ]
}

function metricTable(metric: string, systems: readonly SystemEffect[]): Block {
  return {
    kind: 'table',
    title: metric,
    columns: [
      left('system'),
      right('A'),
      right('B'),
      right('B - A'),
      right('95 % interval'),
      right('p'),
      right('trainings'),
    ],
    rows: systems.flatMap(({ system, replicates, metrics }) => {
      const effect = metrics[metric]
      if (!effect) return []
      const { a, b, difference, p } = effect
      const { a: before, b: now } = replicates
      return [
        [
          system,
          figure(a),
          figure(b),
          signed(difference),
          intervalText(effect),
          p === null ? '' : pText(p),
          before === now ? String(now) : `${before}, ${now}`,
        ],
      ]
    }),
  }
}

function conclusion(metric: string, all: readonly SystemEffect[]): string {
  const systems = all.filter(({ metrics }) => metrics[metric])
  const sure = systems.filter(({ metrics }) => (metrics[metric]?.p ?? 1) < ALPHA)
  const up = sure.filter(({ metrics }) => metrics[metric]!.difference > 0)
  const down = sure.filter(({ metrics }) => metrics[metric]!.difference < 0)
  const parts = [
    ...(up.length > 0 ? [`B is better for ${namesText(up.map(({ system }) => system))}`] : []),
    ...(down.length > 0 ? [`B is worse for ${namesText(down.map(({ system }) => system))}`] : []),
  ]
  const found = parts.length > 0 ? parts.join(', ') : 'no more than chance allows'
  const family = systems.length > 1 ? `, p adjusted for ${systems.length} systems` : ''
  const single = systems.some(({ replicates }) => replicates.a === 1 || replicates.b === 1)
  const seeds = single ? '; where there is one training on a side, it holds for these checkpoints only' : ''
  return `${metric}: ${found} (paired sign-flip test over queries${family}${seeds})`
}

function nothingMeasured({ missing }: SidesComparison): Block {
  const why =
    missing.length > 0
      ? 'no node has numbers on both sides here; what is missing stands below'
      : 'no node that leaves scores is on both sides'
  return { kind: 'list', items: [why] }
}

function analysisBlocks({ node, collection, contrasts, plateaus }: AnalysisChange): Block[] {
  const blocks: Block[] = [{ kind: 'heading', text: `What ${printable(node)} concludes on ${printable(collection)}` }]
  if (contrasts.length > 0)
    blocks.push({
      kind: 'table',
      title: '',
      columns: [left('contrast'), right('A'), right('p'), right('B'), right('p')],
      rows: contrasts.map(({ a, b, before, now }) => [
        `${printable(a)} less ${printable(b)}`,
        ...[before, now].flatMap((one) => (one ? [signed(one.difference), pText(one.p)] : ['-', '-'])),
      ]),
    })
  if (plateaus.length > 0)
    blocks.push({
      kind: 'list',
      items: plateaus.map(({ system, axis, before, now }) => {
        const said = (one: typeof before): string =>
          one ? (one.at ?? `undetermined (${one.undetermined})`) : 'not there'
        return `plateau of ${printable(system)} over ${axis}: ${said(before)} in A, ${said(now)} in B`
      }),
    })
  return blocks
}

function missingText({ side, nodes, why, advice }: Missing): string {
  return `${side.toUpperCase()}: ${nodesText(nodes)}: ${printable(why)}; ${printable(advice)}`
}

/** Nodes, those of one stage folded where they are many. */
function nodesText(ids: readonly string[]): string {
  const stages = new Map<string, string[]>()
  for (const id of ids) {
    const { stage } = partsOf(id)
    stages.set(stage, [...(stages.get(stage) ?? []), id])
  }
  const names = [...stages].map(([stage, of]) => (of.length > 2 ? `${stage} (${of.length} nodes)` : of.join(', ')))
  return namesText(names)
}

/** Names, the first few of many. */
function namesText(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).map(printable).join(', ')
  return names.length > NAMED ? `${shown} and ${names.length - NAMED} more` : shown
}
