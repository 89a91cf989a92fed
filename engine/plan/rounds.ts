import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionLog, NodeAddress } from '../../cache/action-log.ts'
import { freshNonce, writeFileAtomic } from '../../cache/durable.ts'
import type { RowStore } from '../../cache/row-store.ts'
import { namesIn } from '../util/names-in.ts'
import type { NodeId } from './node.ts'

/** In which round the rows of nodes are asked for again; `continued` where an earlier run began it and did not finish. */
export interface Rounds {
  byNode: ReadonlyMap<NodeId, number>
  continued: ReadonlySet<NodeId>
}

/** What is known of the world when rounds are looked up. */
export interface RoundWorld {
  store: { root: string; actions: Pick<ActionLog, 'head'>; rows: Pick<RowStore, 'lastRound'> }
  address(node: NodeId): NodeAddress
}

/** A round as it is written down before its first request. */
interface Written extends Omit<NodeAddress, 'node'> {
  round: number
  nodes: readonly NodeId[]
}

const NONE: Rounds = { byNode: new Map(), continued: new Set() }

/**
 * The rounds in which these nodes are asked again: a round that was begun, and that one of these nodes has not finished,
 * goes on, so that a killed run loses no answer; else a new one, above all others. Writes nothing.
 */
export function roundsOf(world: RoundWorld, nodes: ReadonlySet<NodeId>): Rounds {
  if (nodes.size === 0) return NONE
  const written = readRounds(world)
  const open = written.filter((round) => round.nodes.some((id) => nodes.has(id) && !hasFinished(world, round, id)))
  const fresh = Math.max(world.store.rows.lastRound(), ...written.map(({ round }) => round)) + 1
  const byNode = new Map<NodeId, number>()
  const continued = new Set<NodeId>()
  for (const id of nodes) {
    const begun = open.filter((round) => round.nodes.includes(id)).map(({ round }) => round)
    if (begun.length > 0) continued.add(id)
    byNode.set(id, begun.length > 0 ? Math.max(...begun) : fresh)
  }
  return { byNode, continued }
}

/** Writes down the round that is new, if one is; it is on the disk when this resolves. */
export async function beginRounds(world: RoundWorld, { byNode, continued }: Rounds): Promise<void> {
  const nodes = [...byNode.keys()].filter((id) => !continued.has(id))
  const [first] = nodes
  if (first === undefined) return
  const round = byNode.get(first) as number
  const { project, pipeline } = world.address(first)
  const written: Written = { round, project, pipeline, nodes }
  mkdirSync(folderOf(world), { recursive: true })
  await writeFileAtomic(join(folderOf(world), `${round}-${freshNonce()}.json`), JSON.stringify(written))
}

/** Removes what was written down of rounds that all of their nodes have finished. */
export function forgetFinishedRounds(world: RoundWorld): void {
  for (const round of readRounds(world)) {
    if (round.nodes.every((id) => hasFinished(world, round, id))) rmSync(round.path, { force: true })
  }
}

// A node has finished a round when its newest result was made in it, or in a later one.
function hasFinished(world: RoundWorld, { round }: Written, id: NodeId): boolean {
  const record = world.store.actions.head(world.address(id))?.record
  return record?.incomplete === 0 && (record.round ?? 0) >= round
}

function readRounds(world: RoundWorld): (Written & { path: string })[] {
  const { project, pipeline } = world.address('' as NodeId)
  const isOurs = (written: Written): boolean => written.project === project && written.pipeline === pipeline
  return namesIn(folderOf(world)).flatMap((name) => {
    const path = join(folderOf(world), name)
    const written = name.endsWith('.json') ? read(path) : undefined
    return written && isOurs(written) ? [{ ...written, path }] : []
  })
}

function read(path: string): Written | undefined {
  try {
    const written = JSON.parse(readFileSync(path, 'utf8')) as Written
    return Number.isInteger(written.round) && Array.isArray(written.nodes) ? written : undefined
  } catch {
    // Written as a whole or not at all: what is no round was put there by somebody else.
    return undefined
  }
}

function folderOf(world: RoundWorld): string {
  return join(world.store.root, 'reobserve')
}
