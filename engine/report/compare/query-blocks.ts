import { figure, signed } from '../../util/figures.ts'
import { cutToWidth } from '../../util/text-width.ts'
import { counted, oneLine } from '../words.ts'
import type { Block } from './blocks.ts'
import type { QueryChange, QueryChanges, RankedPassage } from './query-changes.ts'
import type { TrainingPair } from './training-pairs.ts'

const LEAST_WIDTH = 24

/** Queries that changed most: the query, both rankings side by side, and what was trained on what answers it. */
export function queryBlocks({ order, system, metric, of, queries, notes }: QueryChanges, width: number): Block[] {
  const what = order === 'worst' ? 'lost most' : 'gained most'
  const all = counted(
    of,
    order === 'worst' ? 'query that lost' : 'query that gained',
    order === 'worst' ? 'queries that lost' : 'queries that gained',
  )
  return [
    { kind: 'heading', text: `Queries of ${system} that ${what} ${metric}: ${queries.length} of ${all}` },
    ...(notes.length > 0 ? [{ kind: 'list' as const, items: notes }] : []),
    ...queries.flatMap((query) => oneQuery(query, width)),
  ]
}

function oneQuery({ query, text, a, b, difference, top, training }: QueryChange, width: number): Block[] {
  const cell = Math.max(LEAST_WIDTH, Math.floor((width - 8) / 2))
  const ranks = Math.max(top.a.length, top.b.length)
  const blocks: Block[] = [
    {
      kind: 'paragraph',
      text: `${oneLine(query)}  ${figure(a)} to ${figure(b)} (${signed(difference)})${text === null ? '' : `  ${oneLine(text)}`}`,
    },
  ]
  if (ranks > 0)
    blocks.push({
      kind: 'table',
      title: '',
      columns: [
        { title: '', align: 'right' },
        { title: 'A', align: 'left' },
        { title: 'B', align: 'left' },
      ],
      rows: Array.from({ length: ranks }, (_, i) => [
        String(i + 1),
        passageText(top.a[i], cell),
        passageText(top.b[i], cell),
      ]),
    })
  const trained = [...trainedText('A', training.a), ...trainedText('B', training.b)]
  if (trained.length > 0) blocks.push({ kind: 'list', items: trained })
  return blocks
}

/** `+` marks what is judged relevant. */
function passageText(ranked: RankedPassage | undefined, width: number): string {
  if (!ranked) return ''
  const { passage, relevance, text } = ranked
  const line = oneLine(`${(relevance ?? 0) > 0 ? '+ ' : '  '}${passage}  ${text ?? ''}`).replace(/^\+ ?/, '+ ')
  return cutToWidth((relevance ?? 0) > 0 ? line : `  ${line}`, width)
}

function trainedText(side: string, pairs: readonly TrainingPair[]): string[] {
  return pairs.map(
    ({ passage, query, source }) => `trained in ${side} on ${oneLine(passage)} (${oneLine(source)}): ${oneLine(query)}`,
  )
}
