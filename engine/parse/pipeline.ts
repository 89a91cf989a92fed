import type { Json } from '../../stages/define.ts'
import type { Position } from './diagnostic.ts'

/** A path of keys and indexes inside a pipeline file, e.g. `['stages', 'queries', 'with', 'prompt']`. */
export type SourcePath = readonly (string | number)[]

/** One axis of a sweep: the param it sets and its values in the order written. */
export interface Axis {
  param: string
  values: readonly { label: string; value: Json }[]
  /** A replicate changes a seed only; results are folded over it. */
  replicate: boolean
}

/** A stage as written; references in `with` are still symbolic. */
export interface StageBlock {
  name: string
  uses: string
  with: { readonly [name: string]: Json }
  after: readonly string[]
  env: { readonly [name: string]: string }
  passEnv: readonly string[]
  cpus?: number
  timeoutMs?: number
  retry: { attempts: number; backoffMs: number }
  allowFailed?: number
  description?: string
}

/** What `report:` asks the summary to show. */
export interface ReportBlock {
  metrics?: readonly string[]
  /** Names that systems have in tables, by stage. */
  labels?: { readonly [stage: string]: string }
  /** The system that others must beat for the verdict. */
  baseline?: string
}

/** A parsed pipeline: pure data, every value with its position. */
export interface Pipeline {
  /** Absolute path of the file. */
  file: string
  /** The folder that `.queryloom/` belongs to: nearest ancestor with `.queryloom/` or `.git`, else the file's. */
  root: string
  name: string
  description?: string
  /** After `-p`. */
  params: { readonly [name: string]: Json }
  /** Params given by `-p` or a params file; paths in them are relative to `paramsFolder`. */
  overridden: ReadonlySet<string>
  paramsFolder: string
  datasets: { readonly [name: string]: Json }
  models: { readonly [name: string]: Json }
  stages: { readonly [name: string]: StageBlock }
  axes: readonly Axis[]
  report: ReportBlock
  /** Position of a value (or, with `key`, of its name) in the source. */
  locate(path: SourcePath, what?: 'key' | 'value'): Position
}
