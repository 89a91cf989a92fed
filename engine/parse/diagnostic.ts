/** A place in a source file; lines and columns count from 1, columns in UTF-16 units. */
export interface Position {
  file: string
  line: number
  column: number
  /** Length of the marked text on that line; at least 1. */
  length: number
}

/** Every kind of problem that a pipeline can have before it runs. */
export type DiagnosticCode =
  | 'file-missing'
  | 'file-unreadable'
  | 'yaml-syntax'
  | 'too-large'
  | 'duplicate-key'
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'wrong-value'
  | 'unsupported-version'
  | 'unknown-stage-type'
  | 'unknown-reference'
  | 'reference-syntax'
  | 'reference-not-scalar'
  | 'wrong-edge-type'
  | 'missing-input'
  | 'cycle'
  | 'unknown-param'
  | 'sweep'
  | 'when'
  | 'baseline'
  | 'report'
  | 'dataset'
  | 'model'
  | 'prompt'
  | 'input-file'
  | 'lineage'
  | 'leakage'
  | 'stage-option'
  | 'resources'

/** One problem of a pipeline, with where it is and what to do about it. */
export interface Diagnostic extends Position {
  severity: 'error' | 'warning'
  code: DiagnosticCode
  message: string
  /** What was probably meant, ready to be written in place. */
  suggestion?: string
  /** What to do, as a sentence. */
  advice?: string
  /** Other places that belong to it. */
  related?: readonly (Position & { message: string })[]
}
