import { readFile } from 'node:fs/promises'
import type { Store } from '../../../cache/store.ts'
import type { AxisFacts } from '../../parse/pipeline.ts'
import type { QueryScores, Scores } from '../results.ts'
import type { Side, SideNode } from './side.ts'

/** One result of a system on one side. */
export interface MeasuredNode {
  node: SideNode
  /** What tells it from the other replicates of its system. */
  replicate: string
  /** Of its `scores`. */
  digest: string
  scores: Scores
  queries: ReadonlyMap<string, QueryScores>
}

/** A stage under one combination of the axes that are no replicates, with all of its results on one side. */
export interface MeasuredSystem {
  id: string
  stage: string
  variant: { readonly [axis: string]: string }
  results: readonly MeasuredNode[]
}

type Blobs = Pick<Store['blobs'], 'check' | 'locate'>

/** The systems that a side has numbers of, and its nodes that were measured but whose numbers are gone. */
export async function measuredSystems(
  side: Side,
  axes: readonly AxisFacts[],
  blobs: Blobs,
): Promise<{ systems: ReadonlyMap<string, MeasuredSystem>; lost: readonly string[] }> {
  const replicates = new Set(axes.filter(({ replicate }) => replicate).map(({ param }) => param))
  const systems = new Map<string, MeasuredSystem & { results: MeasuredNode[] }>()
  const lost: string[] = []
  for (const node of side.nodes.values()) {
    const output = Object.entries(node.record?.outputs ?? {}).find(([, { kind }]) => kind === 'scores')
    if (!output) continue
    const scoresFile = fileOf(node, 'scores.json', blobs)
    const queriesFile = fileOf(node, 'queries.jsonl', blobs)
    if (scoresFile === undefined || queriesFile === undefined) {
      lost.push(node.id)
      continue
    }
    const entries = Object.entries(node.variant)
    const variant = entries.filter(([axis]) => !replicates.has(axis))
    const id = JSON.stringify([node.stage, variant])
    const system = systems.get(id) ?? { id, stage: node.stage, variant: Object.fromEntries(variant), results: [] }
    systems.set(id, system)
    const rows = (await readFile(queriesFile, 'utf8')).split('\n').flatMap((line) => {
      return line === '' ? [] : [JSON.parse(line) as QueryScores]
    })
    system.results.push({
      node,
      replicate: JSON.stringify(entries.filter(([axis]) => replicates.has(axis))),
      digest: output[1].digest,
      scores: JSON.parse(await readFile(scoresFile, 'utf8')) as Scores,
      queries: new Map(rows.map((row) => [row.query_id, row])),
    })
  }
  return { systems, lost }
}

/** Where a file of a node's result lies, if it is stored whole; outputs are looked through in their order. */
export function fileOf({ record }: SideNode, path: string, blobs: Blobs): string | undefined {
  for (const { files } of Object.values(record?.outputs ?? {})) {
    const file = files.find((one) => one.path === path)
    if (file && blobs.check(file.blob, file.size) === 'ok') return blobs.locate(file.blob)
  }
  return undefined
}
