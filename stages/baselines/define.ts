import type { Json, Problem } from '../define.ts'

/** A stage as it is written: its references are still texts such as `${stages.kept.pairs}`. */
export interface SymbolicStage {
  uses: string
  with: { readonly [name: string]: Json }
  /** `when`, `resources`, … as written. */
  settings: { readonly [name: string]: Json }
}

/** A stage that a baseline adds to a pipeline. */
export interface AddedStage {
  name: string
  uses: string
  with: { readonly [name: string]: Json }
  /** The written stage in whose place it stands; all but `uses` and `with` is that one's. */
  like: string
  /** What tables call it. */
  label?: string
}

/** What `baselines:` can name, and how stages are made of it. */
export interface Baselines {
  /** What each is, by name. */
  known: { readonly [name: string]: string }
  /** The stages that a baseline adds to those written, with what should be warned of; or why it can't be had. */
  derive(
    name: string,
    stages: { readonly [name: string]: SymbolicStage },
  ): { stages: readonly AddedStage[]; warnings: readonly Problem[] } | Problem
}
