import { readFile } from 'node:fs/promises'
import type { NodeId } from '../plan/node.ts'
import type { Newest, NewestResult } from './newest.ts'
import type { ResultSource } from './scored-nodes.ts'

/** What is shown of an `analysis` output. */
export interface Analysis {
  node: NodeId
  fresh: boolean
  metrics: readonly string[]
  collections: readonly AnalysedCollection[]
  /** Signs that a number does not mean what it seems to, or that augmentation went wrong, in sentences. */
  signs: readonly string[]
}

/** One collection of it. */
export interface AnalysedCollection {
  collection: string
  setting: 'target-corpus' | 'other-corpus' | 'unknown'
  contrasts: readonly {
    a: string
    b: string
    difference: number
    low: number
    high: number
    p: number
    replicates: number
  }[]
  plateaus: readonly { system: string; axis: string; delta: number; at?: string; undetermined?: string }[]
  ladder: readonly { rung: string; system: string; before: number; after: number; gain: number; ofHeadroom: number }[]
}

/** Reads the newest `analysis` outputs; one that is not there or of another form is left out. */
export async function readAnalyses(newest: Newest, { store }: Pick<ResultSource, 'store'>): Promise<Analysis[]> {
  const found: Analysis[] = []
  for (const one of newest.values()) {
    const output = Object.entries(one.node.outputs).find(([, kind]) => kind === 'analysis')?.[0]
    const file = output && one.record.outputs[output]?.files.find(({ path }) => path === 'analysis.json')
    if (!file || store.blobs.check(file.blob, file.size) !== 'ok') continue
    const findings = parsed(await readFile(store.blobs.locate(file.blob), 'utf8'))
    if (findings) found.push(analysisOf(one, findings))
  }
  return found
}

type Findings = Pick<Analysis, 'metrics' | 'collections'> & { schema: 1 }

function parsed(text: string): Findings | undefined {
  try {
    const value = JSON.parse(text) as Findings | null
    return value?.schema === 1 && Array.isArray(value.collections) ? value : undefined
  } catch {
    return undefined
  }
}

function analysisOf({ node, record, fresh }: NewestResult, { metrics, collections }: Findings): Analysis {
  const { warnings = [] } = (record.summary ?? {}) as { warnings?: readonly string[] }
  return {
    node: node.id,
    fresh,
    metrics,
    signs: warnings,
    collections: collections.map(({ collection, setting, contrasts, plateaus, ladder }) => ({
      collection,
      setting,
      contrasts,
      plateaus: plateaus.map(({ system, axis, delta, at, undetermined }) => ({
        system,
        axis,
        delta,
        ...(at === undefined ? {} : { at }),
        ...(undetermined === undefined ? {} : { undetermined }),
      })),
      ladder,
    })),
  }
}
