import { markdownTable, markdownText } from '../util/tables/formats.ts'
import type { CollectionReport, Report } from './report.ts'
import { type Cell, type ReportPart, reportParts } from './report-parts.ts'
import { headlineTable } from './report-tables.ts'
import { count } from './words.ts'

/** The report as a document in Markdown: its tables, in words what its figures show, and what all of it was made from. */
export function reportMarkdown(report: Report): string {
  const { pipeline, description, collections, analyses, provenance } = report
  const signs = analyses.flatMap((one) => one.signs)
  const parts = [
    `# ${markdownText(pipeline)}`,
    ...(description === undefined ? [] : [markdownText(description)]),
    ...collections.flatMap(collectionParts),
    ...(collections.length === 0 ? ['There are no results yet.'] : []),
    ...(signs.length > 0 ? ['### Signs to look at', signs.map((sign) => `- ${markdownText(sign)}`).join('\n')] : []),
    ...reportParts(report).flatMap((part) => (part.rows.length > 0 ? [partText(part)] : [])),
    ...sourcesText(provenance),
  ]
  return `${parts.join('\n\n')}\n`
}

function collectionParts(one: CollectionReport): string[] {
  const { warnings, verdict, trade_offs } = one
  const failed = trade_offs?.systems.filter(({ failure }) => failure) ?? []
  return [
    markdownTable(headlineTable(one)),
    ...warnings.map((warning) => `- ${markdownText(warning)}`),
    ...(verdict ? [`**Verdict:** ${markdownText(verdict.text)}`] : []),
    ...(failed.length > 0
      ? [
          `**Finds more, ranks worse** than ${markdownText(trade_offs?.from ?? '')}, in every training and beyond chance: ${failed.map(({ system }) => markdownText(system)).join('; ')}.`,
        ]
      : []),
  ]
}

/** A table as people read it, without what it would not tell. */
function partText({ title, columns, rows, notes }: ReportPart): string {
  const isNumber = (i: number): boolean => rows.some((row) => typeof row[i] === 'number')
  return markdownTable({
    title,
    columns: columns.map((column, i) => ({ title: column, align: isNumber(i) ? 'right' : 'left' })),
    rows: rows.map((row) => row.map(cellText)),
    notes: notes === undefined ? [] : [notes],
  })
}

function cellText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'string') return cell
  return Number.isInteger(cell) ? count(cell) : String(Number(cell.toFixed(4)))
}

/** Marks that nobody sees, and that turn the direction of writing; JSON knows another way to write them. */
const UNSEEN = /[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g

/** Prompts and identities of models, to which the table of provenance refers by number and name. */
function sourcesText({ prompts, models }: Report['provenance']): string[] {
  const told = [
    ...prompts.map((value, i) => ({ title: `Prompt ${i + 1}`, value })),
    ...models.map(({ name, identity }) => ({ title: `Model ${name}`, value: identity })),
  ]
  return told.flatMap(({ title, value }) => {
    const text = JSON.stringify(value, undefined, 2).replace(
      UNSEEN,
      (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    // Longer than whatever a prompt has in it.
    const fence = '`'.repeat(1 + Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length)))
    return [`#### ${markdownText(title)}`, `${fence}json\n${text}\n${fence}`]
  })
}
