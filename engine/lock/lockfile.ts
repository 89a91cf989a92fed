import { basename, dirname, extname, join } from 'node:path'
import type { ActionKey, ArtifactDigest } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'

/** One result: what decided it, and the digest of each of its outputs. */
export interface LockedNode {
  key: ActionKey
  outputs: { readonly [output: string]: ArtifactDigest }
}

/** Sections of a lockfile that say what results were made from; by them people see what changed. */
export const IDENTITIES = ['datasets', 'models', 'prompts'] as const

/** What of a dataset, a model or a prompt decides results, by its name; a list where variants differ. */
export type Identities = { readonly [section in (typeof IDENTITIES)[number]]: ReadonlyMap<string, Json> }

/**
 * What a pipeline made, for git: one result for each node, and the identities of what they were made from. Holds no
 * path, time, machine or user, so that equal results give equal bytes everywhere.
 */
export interface Lockfile extends Identities {
  nodes: ReadonlyMap<string, LockedNode>
}

/** A lockfile that says nothing yet. */
export const EMPTY_LOCK: Lockfile = { datasets: new Map(), models: new Map(), prompts: new Map(), nodes: new Map() }

/** Path of the lockfile of a pipeline file: `NAME.lock` beside it. */
export function lockPath(pipeline: string): string {
  return join(dirname(pipeline), `${basename(pipeline, extname(pipeline))}.lock`)
}
