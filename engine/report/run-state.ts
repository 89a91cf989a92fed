import type { NodeId } from '../plan/node.ts'
import type { Failure, RunEvent } from '../run/events.ts'
import { unreachable } from '../util/unreachable.ts'

/** How many nodes of a stage are in which state; `expected` is how many it has, as far as that is known. */
export interface StageState {
  stage: string
  expected: number
  queued: number
  running: number
  executed: number
  cached: number
  failed: number
  skipped: number
}

/** How far something had come at a time. */
interface Sample {
  at: number
  done: number
}

/** A running node; `samples` are the newest of its rows, for its rate. */
export interface RunningNode {
  node: NodeId
  stage: string
  startedAt: number
  done: number
  total?: number
  note?: string
  requests: number
  tokens: number
  samples: Sample[]
}

/** A failure and the node it belongs to. */
interface FailedNode {
  node: NodeId
  failure: Failure
}

/** A run as its events so far tell it. */
export interface RunState {
  run: string
  pipeline: string
  nodes: number
  startedAt: number
  /** In the order in which they were first heard of. */
  stages: Map<string, StageState>
  queued: Set<NodeId>
  /** What queued nodes wait for, where others hold it. */
  waiting: Map<NodeId, string>
  running: Map<NodeId, RunningNode>
  ended: Set<NodeId>
  failed: FailedNode[]
  warnings: string[]
  /** Requests sent, and tokens of their answers, by nodes that have ended. */
  requests: number
  tokens: number
  /** The newest of all requests and tokens, for their rates. */
  asked: { requests: Sample[]; tokens: Sample[] }
  finished?: Extract<RunEvent, { type: 'run-finished' }>
}

const MAX_SAMPLES = 20
const SAMPLE_MS = 1000

/** A run of which nothing is known yet but, perhaps, its nodes. */
export function newRunState(nodes: Iterable<NodeId> = []): RunState {
  const state: RunState = {
    run: '',
    pipeline: '',
    nodes: 0,
    startedAt: 0,
    stages: new Map(),
    queued: new Set(),
    waiting: new Map(),
    running: new Map(),
    ended: new Set(),
    failed: [],
    warnings: [],
    requests: 0,
    tokens: 0,
    asked: { requests: [], tokens: [] },
  }
  for (const node of nodes) stageState(state, node).expected++
  return state
}

/** The stage that a node belongs to. */
export function stageOf(node: NodeId): string {
  const bracket = node.indexOf('[')
  return bracket === -1 ? node : node.slice(0, bracket)
}

/** Takes in one event. The state is changed in place: a run can have a million of them. */
export function foldEvent(state: RunState, event: RunEvent): void {
  switch (event.type) {
    case 'run-started':
      Object.assign(state, { run: event.run, pipeline: event.pipeline, nodes: event.nodes, startedAt: event.at })
      return
    case 'node-queued':
      state.queued.add(event.node)
      stageState(state, event.node).queued++
      return
    case 'node-started': {
      leaveQueue(state, event.node)
      stageState(state, event.node).running++
      state.running.set(event.node, {
        node: event.node,
        stage: stageOf(event.node),
        startedAt: event.at,
        done: 0,
        requests: 0,
        tokens: 0,
        samples: [],
      })
      return
    }
    case 'node-progress': {
      const running = state.running.get(event.node)
      if (!running) return
      progress(running, event)
      sampleAsked(state, event.at)
      return
    }
    case 'node-retried': {
      const running = state.running.get(event.node)
      if (running) {
        Object.assign(running, { done: 0, samples: [], note: `attempt ${event.attempt}` })
        delete running.total
      }
      return
    }
    case 'node-finished':
      state.requests += event.requests.sent
      state.tokens += state.running.get(event.node)?.tokens ?? 0
      end(state, event.node, 'executed')
      for (const warning of event.summary.warnings ?? []) state.warnings.push(`${event.node}: ${warning}`)
      return
    case 'node-restored':
      end(state, event.node, 'cached')
      return
    case 'node-failed':
      state.requests += event.requests.sent
      state.tokens += state.running.get(event.node)?.tokens ?? 0
      end(state, event.node, 'failed')
      state.failed.push({ node: event.node, failure: event.failure })
      return
    case 'node-skipped':
      end(state, event.node, 'skipped')
      return
    case 'warning':
      state.warnings.push(event.node === undefined ? event.message : `${event.node}: ${event.message}`)
      return
    case 'node-waiting':
      state.waiting.set(event.node, event.why)
      return
    case 'server-started':
    case 'server-stopped':
    case 'models-used':
      return
    case 'run-finished':
      state.finished = event
      return
    default:
      unreachable(event)
  }
}

/** How much a second over the last samples; undefined as long as there is nothing to tell it from. */
export function rateOf(samples: readonly Sample[]): number | undefined {
  const first = samples[0]
  const last = samples.at(-1)
  if (!first || !last || last.at - first.at < SAMPLE_MS || last.done <= first.done) return undefined
  return ((last.done - first.done) * 1000) / (last.at - first.at)
}

/** All requests that were sent, those of running nodes too. */
export function requestsSent({ requests, running }: RunState): number {
  let sent = requests
  for (const node of running.values()) sent += node.requests
  return sent
}

function stageState(state: RunState, node: NodeId): StageState {
  const stage = stageOf(node)
  let found = state.stages.get(stage)
  if (!found) {
    found = { stage, expected: 0, queued: 0, running: 0, executed: 0, cached: 0, failed: 0, skipped: 0 }
    state.stages.set(stage, found)
  }
  return found
}

function leaveQueue(state: RunState, node: NodeId): void {
  state.waiting.delete(node)
  if (state.queued.delete(node)) stageState(state, node).queued--
}

function end(state: RunState, node: NodeId, how: 'executed' | 'cached' | 'failed' | 'skipped'): void {
  const stage = stageState(state, node)
  state.ended.add(node)
  if (state.running.delete(node)) stage.running--
  else leaveQueue(state, node)
  stage[how]++
}

function progress(running: RunningNode, event: Extract<RunEvent, { type: 'node-progress' }>): void {
  running.done = event.done
  if (event.total === undefined) delete running.total
  else running.total = event.total
  if (event.note === undefined) delete running.note
  else running.note = event.note
  if (event.requests) running.requests = event.requests.sent
  if (event.tokens !== undefined) running.tokens = event.tokens
  // As long as nothing is done, a note tells of what is prepared (an installation, a server that loads): no speed yet.
  if (event.done > 0 || event.note === undefined) addSample(running.samples, { at: event.at, done: event.done })
}

function sampleAsked(state: RunState, at: number): void {
  const sent = requestsSent(state)
  if (sent === 0) return
  let tokens = state.tokens
  for (const node of state.running.values()) tokens += node.tokens
  addSample(state.asked.requests, { at, done: sent })
  addSample(state.asked.tokens, { at, done: tokens })
}

function addSample(samples: Sample[], sample: Sample): void {
  const last = samples.at(-1)
  // A stage may count from zero again (a second phase): its old rate says nothing of the new one.
  if (last && sample.done < last.done) samples.length = 0
  const previous = samples.at(-2)
  if (previous && last && last.at - previous.at < SAMPLE_MS) samples.pop()
  samples.push(sample)
  if (samples.length > MAX_SAMPLES) samples.shift()
}
