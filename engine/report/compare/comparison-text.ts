import { type Paint, plainPaint } from '../colour.ts'
import { blocksMarkdown, blocksText } from './blocks.ts'
import type { SidesComparison } from './comparison.ts'
import { comparisonBlocks } from './comparison-blocks.ts'

const PAGE_WIDTH = 120

/** A comparison for a terminal of so many columns; infinitely many where there is none. */
export function comparisonText(comparison: SidesComparison, columns: number, paint: Paint = plainPaint): string {
  return blocksText(comparisonBlocks(comparison, Number.isFinite(columns) ? columns : PAGE_WIDTH), paint, columns)
}

/** A comparison in Markdown, as for a pull request. */
export function comparisonMarkdown(comparison: SidesComparison): string {
  return blocksMarkdown(comparisonBlocks(comparison, PAGE_WIDTH))
}
