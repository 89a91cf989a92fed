import { unreachable } from '../util/unreachable.ts'
import type { FileDifference } from './byte-difference.ts'
import { failureText } from './failure-text.ts'
import type { MetricChange } from './metric-change.ts'
import type { PairOverlap } from './pair-overlap.ts'
import type { Reproduced } from './reproduced.ts'
import { textTable } from './text-table.ts'
import { count, counted, indent, printable } from './words.ts'

const MOST_FILES = 10

/** What was made again, a node a line; what differs stands below its node. */
export function reproducedText(nodes: readonly Reproduced[]): string {
  const table = textTable(
    [
      { title: 'node', align: 'left' },
      { title: 'outcome', align: 'left' },
    ],
    nodes.map(({ id, outcome }) => [printable(id), outcome]),
  )
  const [heading = '', ...rows] = table.split('\n')
  const body = rows.flatMap((row, i) => [row, ...detailLines(nodes[i] as Reproduced).map((line) => indent(line, '  '))])
  const identical = nodes.filter(({ outcome }) => outcome === 'identical').length
  return [
    heading,
    ...body,
    '',
    `${count(identical)} of ${counted(nodes.length, 'node')} identical to the lockfile`,
  ].join('\n')
}

function detailLines(node: Reproduced): string[] {
  switch (node.outcome) {
    case 'identical':
    case 'skipped':
      return []
    case 'failed':
      return [failureText(node.failure)]
    case 'different': {
      const { files, outputs, text, metrics = [] } = node
      const lines = files.slice(0, MOST_FILES).map(fileText)
      if (files.length > MOST_FILES) lines.push(`and ${counted(files.length - MOST_FILES, 'more file')}`)
      if (files.length === 0)
        lines.push(`${outputs.join(', ')}: another digest; the locked bytes are not stored, so no more can be told`)
      return [...lines, ...(text ? [overlapText(text)] : []), ...metrics.map(changeText)]
    }
    default:
      return unreachable(node)
  }
}

function fileText(file: FileDifference): string {
  const path = printable(`${file.output}/${file.path}`)
  switch (file.kind) {
    case 'missing':
      return `${path}: was not made`
    case 'extra':
      return `${path}: is not in the locked result`
    case 'mode':
      return `${path}: its executable bit differs`
    case 'different': {
      const { locked, made } = file.size
      const size = locked === made ? `${count(made)} bytes` : `${count(made)} bytes, locked are ${count(locked)}`
      return `${path}: ${size}; first difference at byte ${count(file.offset)}`
    }
    default:
      return unreachable(file)
  }
}

function overlapText({ pairs, passages, equal, words, bigrams }: PairOverlap): string {
  const share = `${(100 * equal).toFixed(1)} % of queries equal (${count(pairs.made)}, locked are ${count(pairs.locked)})`
  return `${share}; overlap by passage (${count(passages)}): words ${words.toFixed(3)}, bigrams ${bigrams.toFixed(3)}`
}

function changeText({ metric, queries, locked, made, difference, low, high, p }: MetricChange): string {
  const sign = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(4)}`
  const interval = `95 % interval ${sign(low)} to ${sign(high)}, p ${p < 0.001 ? '< 0.001' : p.toFixed(3)}`
  return `${metric}: ${locked.toFixed(4)} to ${made.toFixed(4)} (${sign(difference)}, ${interval}; ${counted(queries, 'query', 'queries')})`
}
