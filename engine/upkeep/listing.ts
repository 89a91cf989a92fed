import type { NodeAddress } from '../../cache/action-log.ts'
import type { Store } from '../../cache/store.ts'
import type { RootKind } from './roots.ts'
import { readRoots } from './roots.ts'
import { readTags } from './tags.ts'
import { readUsage } from './usage.ts'

/** The newest result of one node, as it is stored. */
export interface ListedResult extends NodeAddress {
  key: string
  run: string
  /** ISO 8601. */
  startedAt: string
  seconds: number
  bytes: number
  files: number
  /** Results of this node that are stored, this one included. */
  results: number
  tags: readonly string[]
  /** Why it is kept whatever its age. */
  keptBy: RootKind | null
  /** It was removed, and only what it was made of is remembered. */
  isForgotten: boolean
  /** Files of its outputs that are not there any more, or not of the right size. */
  missing: number
}

/** The newest result of every node, of all pipelines or of those that `wants` wants, sorted by address. */
export function listResults(
  store: Store,
  options: { now: number; keepMs: number; wants(address: NodeAddress): boolean },
): ListedResult[] {
  const roots = readRoots(store.root, readUsage(store.root, options.now), options)
  const tags = readTags(store.root)
  const results = store.actions.results()
  const counts = new Map<string, number>()
  for (const { record, forgottenAt } of results) {
    const text = addressText(record)
    if (forgottenAt === undefined) counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  const listed = results.flatMap(({ record, forgottenAt, heads }) => {
    const files = Object.values(record.outputs).flatMap((output) => output.files)
    const there = store.blobs.has(files.map(({ blob }) => blob))
    return heads.filter(options.wants).map(
      ({ project, pipeline, node }): ListedResult => ({
        project,
        pipeline,
        node,
        key: record.key,
        run: record.run,
        startedAt: record.startedAt,
        seconds: record.seconds,
        bytes: files.reduce((sum, { size }) => sum + size, 0),
        files: files.length,
        results: counts.get(addressText({ project, pipeline, node })) ?? (forgottenAt === undefined ? 1 : 0),
        tags: tags.flatMap(({ name, keys }) => (keys.includes(record.key) ? [name] : [])),
        keptBy: forgottenAt === undefined ? (roots.why(record) ?? null) : null,
        isForgotten: forgottenAt !== undefined,
        missing: files.filter(({ blob }) => !there.has(blob)).length,
      }),
    )
  })
  return listed.sort((a, b) => (addressText(a) < addressText(b) ? -1 : 1))
}

function addressText({ project, pipeline, node }: NodeAddress): string {
  return `${project}\0${pipeline}\0${node}`
}
