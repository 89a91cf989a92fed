import type { NodeAddress, StoredResult } from '../../cache/action-log.ts'
import type { Store } from '../../cache/store.ts'
import { type RootKind, readRoots } from './roots.ts'
import { readUsage } from './usage.ts'

/** A result that somebody wants gone, and what is known of it. */
export interface Removal extends NodeAddress {
  id: string
  key: string
  startedAt: string
  bytes: number
  /** Answers of models that it was made from; they stay. */
  rows: number
  /** For whom it would have been kept. */
  keptBy: RootKind | null
}

const SHORTEST_KEY = 8

/**
 * The results that words name: a node (`queries[density=3]`), a stage (`queries`: all its nodes), or a key (`sha256:…`,
 * or eight digits or more of it). Nodes and stages are looked for in `within`, keys everywhere.
 */
export function findResults(
  store: Store,
  words: readonly string[],
  options: { now: number; keepMs: number; within(address: NodeAddress): boolean },
): { found: Removal[]; unknown: string[] } {
  const roots = readRoots(store.root, readUsage(store.root, options.now), options)
  const results = store.actions.results().filter(({ forgottenAt }) => forgottenAt === undefined)
  const unknown: string[] = []
  const chosen = new Set<StoredResult>()
  for (const word of words) {
    const digits = /^(?:sha256:)?([0-9a-f]+)$/.exec(word)?.[1] ?? ''
    const matching = results.filter((result) => {
      const { record, heads } = result
      if (digits.length >= SHORTEST_KEY && record.key.startsWith(`sha256:${digits}`)) return true
      return [record, ...heads].some(
        (address) => options.within(address) && (address.node === word || address.node.startsWith(`${word}[`)),
      )
    })
    if (matching.length === 0) unknown.push(word)
    for (const result of matching) chosen.add(result)
  }
  const found = [...chosen].map(({ id, record }): Removal => {
    const { project, pipeline, node, key, startedAt, outputs, requests } = record
    const files = Object.values(outputs).flatMap((output) => output.files)
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    const rows = requests.sent + requests.cached
    return { id, project, pipeline, node, key, startedAt, bytes, rows, keptBy: roots.why(record) ?? null }
  })
  return { found, unknown }
}
