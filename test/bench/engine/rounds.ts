import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Case, Phase } from './cases.ts'
import { expectedOutputs, type Graph, leavesOf } from './graph.ts'
import { type Measured, measure } from './measure.ts'
import type { OwnCounts, Peer, Workspace } from './peers/peer.ts'
import { Sources } from './sources.ts'

/** One peer in one phase of one round. */
export interface Sample extends Partial<OwnCounts>, Omit<Measured, 'status'> {
  phase: string
  peer: string
  round: number
  /** How many commands said that they were executed. */
  executed: number
  /** `wrong`: what it left is not what the commands make of the sources. */
  outcome: 'ok' | 'failed' | 'limit' | 'wrong'
}

/** How to measure. */
export interface RoundsOptions {
  rounds: number
  jobs: number
  /** A peer that takes longer for one phase is ended, and left out of what is left of the case. */
  limitSeconds: number
  graceMs?: number
  /** How long files are left alone after a change: fresh ones are trusted by nobody, which is not what is measured. */
  settleMs: number
  /** A folder of its own, on the file system that counts. */
  folder: string
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
  onSample(sample: Sample): void
  /** With all that the peer printed. */
  onFailure(sample: Sample, printed: string): void
}

/**
 * Takes the peers through the phases of a case in turn, each phase by all before the next, and backwards in every other
 * round; so what disturbs the machine for a while disturbs neighbours alike. Returns every sample.
 */
export async function measureCase(
  { graph, makeSources, phases }: Case,
  peers: readonly Peer[],
  options: RoundsOptions,
): Promise<Sample[]> {
  const { folder, rounds, signal } = options
  const samples: Sample[] = []
  const out = new Set<Peer>()
  for (let round = 0; round < rounds; round++) {
    rmSync(join(folder, 'sources'), { recursive: true, force: true })
    const sources = new Sources(join(folder, 'sources'))
    makeSources(sources)
    const places = new Map(peers.map((peer) => [peer, workspaceOf(peer, options)]))
    for (const peer of peers)
      if (!out.has(peer)) await prepare(peer, places.get(peer) as Workspace, graph, sources, options)
    let current = graph
    for (const [at, phase] of phases.entries()) {
      const inTurn = peers.filter((peer) => !out.has(peer) && takesPart(peer, phase, at))
      current = phase.graph ?? current
      phase.change?.(sources)
      if (phase.graph) for (const peer of inTurn) peer.describe(current, places.get(peer) as Workspace)
      if (at === 0 || phase.change || phase.graph) await delay(options.settleMs, undefined, { signal })
      const expected = expectedOutputs(current, (name) => sources.read(name))
      for (const peer of round % 2 === 0 ? inTurn : inTurn.reverse()) {
        const workspace = places.get(peer) as Workspace
        const { log, ...taken } = await take(peer, phase, workspace, options)
        const outcome =
          taken.outcome === 'ok' && !isRight(peer, workspace, current, expected) ? ('wrong' as const) : taken.outcome
        const sample = { phase: phase.name, peer: peer.name, round, ...taken, outcome }
        samples.push(sample)
        options.onSample(sample)
        if (outcome === 'ok') continue
        out.add(peer)
        options.onFailure(sample, existsSync(log) ? readFileSync(log, 'utf8') : '')
      }
    }
  }
  return samples
}

function takesPart(peer: Peer, phase: Phase, at: number): boolean {
  return phase.decides ? peer.decide !== undefined : peer.remembers || at === 0
}

function workspaceOf(peer: Peer, { folder, jobs }: RoundsOptions): Workspace {
  const own = peer.programs[0] === 'node' ? peer.name.replaceAll(' ', '-') : (peer.programs[0] as string)
  return { folder: join(folder, own), jobs, counter: join(folder, `${own}.executed`) }
}

async function prepare(
  peer: Peer,
  workspace: Workspace,
  graph: Graph,
  sources: Sources,
  options: RoundsOptions,
): Promise<void> {
  rmSync(workspace.folder, { recursive: true, force: true })
  mkdirSync(workspace.folder, { recursive: true })
  for (const { source, place } of peer.sourcePlaces(graph)) sources.link(source, join(workspace.folder, place))
  peer.describe(graph, workspace)
  if (!peer.initialise) return
  const log = `${workspace.folder}.log`
  const { status } = await measure({
    ...options,
    argv: peer.initialise,
    folder: workspace.folder,
    environment: { ...options.environment, ...peer.environment },
    log,
  })
  if (status !== 0) throw new Error(`${peer.initialise.join(' ')} failed: ${readFileSync(log, 'utf8')}`)
}

async function take(
  peer: Peer,
  phase: Phase,
  workspace: Workspace,
  options: RoundsOptions,
): Promise<Omit<Sample, 'phase' | 'peer' | 'round'> & { log: string }> {
  const { folder, counter } = workspace
  const log = `${folder}.log`
  rmSync(log, { force: true })
  writeFileSync(counter, '')
  const argv = (phase.decides ? peer.decide?.(workspace) : undefined) ?? peer.run(workspace)
  // What others have left for the disk is on it before the clock starts: who waits for the disk would wait for theirs.
  spawnSync('sync')
  const { status, ...figures } = await measure({
    ...options,
    argv,
    folder,
    environment: { ...options.environment, ...peer.environment },
    log,
  })
  const outcome = status === 'limit' ? 'limit' : status === 0 ? 'ok' : 'failed'
  const counts = outcome === 'ok' && !phase.decides ? peer.ownCounts?.(workspace) : undefined
  return { ...figures, ...counts, executed: lines(readFileSync(counter, 'utf8')), outcome, log }
}

function isRight(peer: Peer, { folder }: Workspace, graph: Graph, expected: ReadonlyMap<string, string>): boolean {
  return leavesOf(graph).every((task) => {
    const path = join(folder, peer.outputOf(task))
    return existsSync(path) && readFileSync(path, 'utf8') === expected.get(task.id)
  })
}

function lines(text: string): number {
  return text.split('\n').length - 1
}
