import type { FileDigest } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'
import type { Position } from './diagnostic.ts'

/**
 * A path of keys and indexes to a value, e.g. `['stages', 'queries', 'with', 'prompt']`; through included files as if
 * they were one with the pipeline file. `['-p', NAME]` leads to what the command line gives for a param, and
 * `['--params', 0, NAME]` to what the first params file does.
 */
export type SourcePath = readonly (string | number)[]

/** A value as it was written: references in it are symbolic, and `$${` is not undone. */
export interface Written {
  value: Json
  /** Where it stands. */
  path: SourcePath
}

/** One value of an axis and how it is called in node ids. */
export interface AxisValue extends Written {
  label: string
}

/** One axis of a sweep: the param it sets and its values in the order written. */
export interface Axis {
  param: string
  values: readonly AxisValue[]
  /** Values that only `sweep.include` names: they take no part in the cross product. */
  extra: readonly AxisValue[]
  /** A replicate changes a seed only; results are folded over it. */
  replicate: boolean
}

/** Labels by axis. */
export type Assignment = { readonly [axis: string]: string }

/** A stage as written; references in `with` and `settings` are still symbolic. */
export interface StageBlock {
  name: string
  /** Empty where the file does not say; that was reported. */
  uses: string
  with: { readonly [name: string]: Json }
  after: readonly string[]
  /** `when`, `env`, `resources`, `timeout`, `retry`, as far as they were written. */
  settings: { readonly [name: string]: Json }
  passEnv: readonly string[]
  description?: string
}

/** What `report:` asks the summary to show. */
export interface ReportBlock {
  metrics?: readonly string[]
  /** Names that systems have in tables, by stage. */
  labels?: { readonly [stage: string]: string }
  /** The stage that others must beat for the verdict. */
  baseline?: string
  /** The axis whose values are the columns of a table for each metric. */
  x?: string
  /** The axis whose values are its rows. */
  series?: string
}

/** A parsed pipeline: pure data, every value with its position. */
export interface Pipeline {
  /** Absolute path of the file. */
  file: string
  /** The folder that `.queryloom/` belongs to: nearest ancestor with `.queryloom/` or `.git`, else the file's. */
  root: string
  name: string
  description?: string
  /** After `--params` and `-p`; under a sweep, axes override them. */
  params: { readonly [name: string]: Written }
  /** Every value that was written for a param or an axis, those that are overridden too: mistakes in them are told. */
  written: readonly Written[]
  datasets: { readonly [name: string]: Json }
  models: { readonly [name: string]: Json }
  /** Sizes as written, by name. */
  pools: { readonly [name: string]: Json }
  stages: { readonly [name: string]: StageBlock }
  /** Sorted by param. Those that `-p` set are gone; of those that `--only` names, only the values named are left. */
  axes: readonly Axis[]
  /** Combinations left out; each names some axes. */
  exclude: readonly Assignment[]
  /** Combinations added; each names every axis that is no replicate. */
  include: readonly Assignment[]
  report: ReportBlock
  /** Every file that was read for this, in the order of reading; prompts and data are read later. */
  sources: readonly { file: string; digest: FileDigest }[]
  /** What relative paths that are written there are relative to. */
  folder(path: SourcePath): string
  /** Position of a value (or, with `key`, of its name) in the source. */
  locate(path: SourcePath, what?: 'key' | 'value'): Position
  /** Position of a reference inside the text at `path`, by its offset and length there. */
  locateText(path: SourcePath, start: number, length: number): Position
}

/** What is still asked of a pipeline when its graph stands: plain data, which can be remembered. */
export interface PipelineFacts extends Pick<Pipeline, 'file' | 'root' | 'name' | 'description' | 'report' | 'sources'> {
  axes: readonly AxisFacts[]
}

/** An axis of a sweep without the values that it sets. */
export interface AxisFacts extends Pick<Axis, 'param' | 'replicate'> {
  /** Of its values in the order written, those that only `sweep.include` names last. */
  labels: readonly string[]
}

/** What a graph keeps of its pipeline. */
export function factsOf(pipeline: Pipeline): PipelineFacts {
  const { file, root, name, description, report, sources, axes } = pipeline
  return {
    file,
    root,
    name,
    ...(description === undefined ? {} : { description }),
    report,
    sources,
    axes: axes.map(({ param, replicate, values, extra }) => ({
      param,
      replicate,
      labels: [...values, ...extra].map(({ label }) => label),
    })),
  }
}
