/** A table of texts, in no format yet. */
export interface Table {
  title: string
  columns: readonly { title: string; align: 'left' | 'right' }[]
  rows: readonly (readonly string[])[]
  /** Lines below it. */
  notes: readonly string[]
}
