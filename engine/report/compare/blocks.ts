import { markdownTable, markdownText } from '../../util/tables/formats.ts'
import { wrapToWidth } from '../../util/text-width.ts'
import { unreachable } from '../../util/unreachable.ts'
import { type Paint, plainPaint } from '../colour.ts'
import { type Column, textTable } from '../text-table.ts'
import { indent } from '../words.ts'

/** A piece of a text for people, in no format yet. */
export type Block =
  | { kind: 'heading'; text: string }
  | { kind: 'paragraph'; text: string }
  | { kind: 'list'; title?: string; items: readonly string[] }
  | { kind: 'table'; title: string; columns: readonly Column[]; rows: readonly (readonly string[])[] }

/** Blocks for a terminal; sentences are wrapped to its columns. */
export function blocksText(
  blocks: readonly Block[],
  paint: Paint = plainPaint,
  columns: number = Number.POSITIVE_INFINITY,
): string {
  const texts = blocks.map((block): string => {
    switch (block.kind) {
      case 'heading':
        return paint('bold', block.text)
      case 'paragraph':
        return wrapToWidth(block.text, columns, '  ')
      case 'list':
        return [
          ...(block.title === undefined ? [] : [block.title]),
          // Further lines are a diff.
          ...block.items.map((item) =>
            item.includes('\n') ? indent(item, '  ') : wrapToWidth(`  ${item}`, columns, '    '),
          ),
        ].join('\n')
      case 'table': {
        const [heading = '', ...lines] = textTable(block.columns, block.rows).split('\n')
        return [...(block.title === '' ? [] : [block.title]), paint('dim', heading), ...lines].join('\n')
      }
      default:
        return unreachable(block)
    }
  })
  // What a heading is about follows it at once.
  return texts.map((text, i) => (i === 0 || blocks[i - 1]?.kind === 'heading' ? text : `\n${text}`)).join('\n')
}

/** Blocks in Markdown; nothing in them can pass for its marks or for HTML. */
export function blocksMarkdown(blocks: readonly Block[]): string {
  const texts = blocks.map((block): string => {
    switch (block.kind) {
      case 'heading':
        return `## ${markdownText(block.text)}`
      case 'paragraph':
        return markdownText(block.text)
      case 'list':
        return [
          ...(block.title === undefined ? [] : [`${markdownText(block.title)}:\n`]),
          ...block.items.map(itemText),
        ].join('\n')
      case 'table':
        return markdownTable({ ...block, notes: [] })
      default:
        return unreachable(block)
    }
  })
  return texts.join('\n\n')
}

// Further lines are a diff: they stand in a fence that is longer than any in them.
function itemText(item: string): string {
  const [first = '', ...rest] = item.split('\n')
  if (rest.length === 0) return `- ${markdownText(first)}`
  const longest = Math.max(2, ...[...item.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return [
    `- ${markdownText(first)}`,
    '',
    indent([`${fence}diff`, ...rest.map((line) => line.replace(/^ {2}/, '')), fence].join('\n'), '  '),
    '',
  ].join('\n')
}
