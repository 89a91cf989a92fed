import { textTable } from '../report/text-table.ts'
import { bytes, count, moment, printable } from '../report/words.ts'
import type { ListedResult } from './listing.ts'

const KEY_DIGITS = 12

/** Stored results as tables, one for each pipeline. */
export function listingText(listed: readonly ListedResult[]): string {
  const groups = new Map<string, ListedResult[]>()
  for (const result of listed) {
    const title = result.project === '.' ? result.pipeline : `${result.pipeline} of ${result.project}`
    groups.set(title, [...(groups.get(title) ?? []), result])
  }
  return [...groups].map(([title, results]) => `${oneLine(title)}\n${table(results)}`).join('\n\n')
}

function table(results: readonly ListedResult[]): string {
  return textTable(
    [
      { title: 'node', align: 'left' },
      { title: 'key', align: 'left' },
      { title: 'size', align: 'right' },
      { title: 'results', align: 'right' },
      { title: 'made', align: 'left' },
      { title: 'run', align: 'left' },
      { title: 'kept by', align: 'left' },
    ],
    results.map((result) => [
      oneLine(result.node),
      result.key.slice('sha256:'.length).slice(0, KEY_DIGITS),
      bytes(result.bytes),
      count(result.results),
      moment(result.startedAt),
      oneLine(result.run),
      keptText(result),
    ]),
  )
}

function keptText({ isForgotten, missing, tags, keptBy }: ListedResult): string {
  if (isForgotten) return 'removed'
  if (missing > 0) return 'damaged: files are missing'
  if (tags.length > 0) return tags.join(', ')
  return keptBy === null ? '' : keptBy
}

function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ')
}
