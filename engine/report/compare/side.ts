import type { ActionRecord } from '../../../cache/action-log.ts'
import type { ActionKey } from '../../../cache/digest.ts'
import type { Identities, LockedNode } from '../../lock/lockfile.ts'
import type { PipelineFacts } from '../../parse/pipeline.ts'
import type { Graph, InputRef } from '../../plan/node.ts'
import type { Preimage } from '../../plan/preimage.ts'
import type { SourceFiles } from '../../plan/source-files.ts'

/** What one of the two things that are compared says of a node. */
export interface SideNode {
  id: string
  stage: string
  /** Labels by axis, replicate axes included. */
  variant: { readonly [axis: string]: string }
  key?: ActionKey
  /** What decided its outputs; of what has not run, artifacts in it may be unknown. */
  preimage?: Preimage
  /** Where its inputs come from, where a pipeline tells. */
  inputs?: ReadonlyMap<string, InputRef>
  /** Digests by output, as far as they are known. */
  outputs?: LockedNode['outputs']
  /** The result, if the store has it. */
  record?: ActionRecord
  /** Why there is no result, and what to do about it. */
  missing?: { why: string; advice: string }
}

/** A run, a lockfile, a pipeline file, or one of these at a revision, as it is compared with another. */
export interface Side {
  kind: 'run' | 'lockfile' | 'revision' | 'pipeline'
  /** As people call it. */
  name: string
  /** More about it: a date, a commit. */
  about?: string
  nodes: ReadonlyMap<string, SideNode>
  /** What its datasets, models and prompts are known by, where that is told apart from the nodes. */
  identities?: Identities
  /** There for a pipeline that could be read. */
  graph?: Graph
  pipeline?: Pick<PipelineFacts, 'axes' | 'report'>
  sources?: SourceFiles
  /** What people should know before they believe it. */
  notes: readonly string[]
}

/** Stage and labels that a node's id is made of. */
export function partsOf(id: string): Pick<SideNode, 'stage' | 'variant'> {
  const bracket = id.indexOf('[')
  if (bracket === -1) return { stage: id, variant: {} }
  const labels = id.slice(bracket + 1, -1).split(',')
  return {
    stage: id.slice(0, bracket),
    variant: Object.fromEntries(
      labels.map((label) => {
        const equals = label.indexOf('=')
        return [label.slice(0, equals), decoded(label.slice(equals + 1))]
      }),
    ),
  }
}

/** Digests by output of a result. */
export function outputsOf({ outputs }: Pick<ActionRecord, 'outputs'>): LockedNode['outputs'] {
  return Object.fromEntries(Object.entries(outputs).map(([name, { digest }]) => [name, digest]))
}

function decoded(label: string): string {
  try {
    return decodeURIComponent(label)
  } catch {
    return label
  }
}
