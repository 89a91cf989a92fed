import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Column } from '../data/column.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { type Quantiles, quantiles } from '../data/quantiles.ts'
import { FILES } from '../data/rows.ts'
import type { StageContext } from '../define.ts'
import type { Example, Examples, Kind } from './examples.ts'
import { type Exporter, openExport } from './exports/export.ts'
import type { MixOptions } from './options.ts'
import type { Passages } from './passages.ts'
import type { Teacher } from './teacher.ts'
import { type FullRow, fullRow, trainingRow, writeManifest } from './training-rows.ts'

const BLOCK = 64

/** What rows are made of. */
interface RowParts {
  examples: Examples
  passages: Passages
  kindOf(source: number): Kind
  /** Negatives that a row should have. */
  most: number
  negativesOf(row: number): number[]
  /** Rows stand in runs of this many, each of one source. */
  batch?: number | undefined
  teacher?: Teacher | undefined
}

/** What an output holds. */
export interface WrittenOutput {
  rows: number
  /** Rows by source. */
  bySource: number[]
  /** Whether any row has fewer negatives than it should. */
  short: boolean
  /** Spread of the teacher's margins of a positive over its negatives. */
  margins: Quantiles | null
}

/** Writes the rows of an output and its exports, a block in memory at a time. */
export async function writeOutput(
  { options, outputs, signal, progress }: StageContext<MixOptions>,
  output: 'training' | 'dev',
  examples: readonly Example[],
  parts: RowParts,
): Promise<WrittenOutput> {
  const { most, negativesOf, batch, teacher } = parts
  const folder = outputs[output] as string
  const bySource: number[] = options.pairs.map(() => 0)
  const sources = { labelled: 0, synthetic: 0 }
  const margins = Column.floats()
  let short = false
  const writer = await writeJsonl(path.join(folder, FILES.training))
  const shape = { negatives: most, scores: teacher !== undefined }
  const exporters: Exporter[] = []
  const writeRow = async (row: FullRow): Promise<void> => {
    await writer.write(trainingRow(row))
    for (const exporter of exporters) await exporter.write(row)
    const [positive = 0, ...others] = row.scores ?? []
    for (const other of others) margins.push(positive - other)
  }
  try {
    for (const form of options.export ?? [])
      exporters.push(await openExport(form, outputs.exports as string, output === 'training' ? 'train' : 'dev', shape))
    const block = teacher ? teacher.rows(most) : BLOCK
    for (let start = 0; start < examples.length; start += block) {
      const rows = examples.slice(start, start + block).map((example) => {
        const negatives = negativesOf(example.row)
        if (negatives.length < most) short = true
        const row = fullRow(example, negatives, parts)
        const source = parts.examples.source(example.row)
        bySource[source] = (bySource[source] ?? 0) + 1
        sources[row.kind]++
        return row
      })
      for (const row of teacher ? await teacher.teach(rows) : rows) await writeRow(row)
      progress(start, examples.length)
      await setImmediate()
      signal.throwIfAborted()
    }
  } finally {
    await writer.close()
    for (const exporter of exporters) await exporter.close()
  }
  await writeManifest(folder, {
    rows: examples.length,
    negatives: most,
    sources,
    ...(batch === undefined ? {} : { batch_by_source: batch }),
  })
  return { rows: examples.length, bySource, short, margins: quantiles(margins.values()) }
}
