import type { FullRow } from '../training-rows.ts'
import type { Exporter, ExportShape } from './export.ts'
import { sentenceTransformersColumns } from './sentence-transformers.ts'

/** Rows of a row group: what is in memory, and what a reader reads at once. */
const GROUP_ROWS = 8192

/** The columns of the SentenceTransformers form as Parquet (Snappy), streamed one row group after the other. */
export async function parquet(location: string, { negatives, scores }: ExportShape): Promise<Exporter> {
  const { fileWriter, ParquetWriter } = await import('hyparquet-writer')
  const texts = ['anchor', 'positive', ...Array.from({ length: negatives }, (_, i) => `negative_${i + 1}`)]
  const text = (name: string) => ({
    name,
    type: 'BYTE_ARRAY' as const,
    converted_type: 'UTF8' as const,
    repetition_type: 'OPTIONAL' as const,
  })
  const labelled = scores && negatives > 0
  const label =
    negatives === 1
      ? [{ name: 'label', type: 'DOUBLE' as const, repetition_type: 'OPTIONAL' as const }]
      : [
          { name: 'label', converted_type: 'LIST' as const, repetition_type: 'OPTIONAL' as const, num_children: 1 },
          { name: 'list', repetition_type: 'REPEATED' as const, num_children: 1 },
          { name: 'element', type: 'DOUBLE' as const, repetition_type: 'OPTIONAL' as const },
        ]
  const columns = [...texts, ...(labelled ? ['label'] : [])]
  const writer = new ParquetWriter({
    writer: fileWriter(location),
    schema: [{ name: 'root', num_children: columns.length }, ...texts.map(text), ...(labelled ? label : [])],
    createdBy: 'queryloom',
  })
  let rows: ReturnType<typeof sentenceTransformersColumns>[] = []
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return
    const data = (name: string): unknown[] => rows.map((row) => row[name] ?? null)
    await writer.write({
      columnData: columns.map((name) => ({ name, data: data(name) })),
      rowGroupSize: GROUP_ROWS,
    })
    rows = []
  }
  return {
    async write(row: FullRow) {
      rows.push(sentenceTransformersColumns(row, negatives))
      if (rows.length === GROUP_ROWS) await flush()
    },
    async close() {
      await flush()
      await writer.finish()
    },
  }
}
