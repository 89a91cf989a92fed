import { cutToWidth } from '../../util/text-width.ts'
import { progressText } from '../progress-text.ts'
import { type RunningNode, type RunState, rateOf, requestsSent, type StageState, stageOf } from '../run-state.ts'
import { type Forecast, runSecondsLeft } from '../time-left.ts'
import { count, counted, duration, printable, rate, roughly } from '../words.ts'

/** One line on the screen; `key` says which line of the last frame it continues. */
export interface Row {
  key: string
  state: 'waiting' | 'running' | 'done' | 'failed' | 'skipped'
  text: string
}

/** A speed is told as long as its newest sample is no older. */
const FRESH_MS = 10_000
/** Failures that have a line of their own; all of them are told when the run has ended. */
const FAILURE_ROWS = 3

/** Columns that a name has on any screen. */
const LEAST_NAME = 16

type Naming = (name: string) => string

/** What else there is to show of a run. */
export interface RowFacts {
  /** What was just said to the person at the terminal. */
  notice?: string | undefined
  /** What graphics cards do. */
  cards?: string | undefined
  /** What earlier runs say of its nodes. */
  forecast?: Forecast | undefined
  /** Columns of the screen: of a long name stands there what leaves room for the numbers behind it. */
  columns?: number
}

/**
 * The lines that show a run, never more than `limit` (at least 4): the run, one line for each stage with its nodes
 * folded into counts, and as many of the running nodes as fit. Stages that are done, and then those that wait, are
 * folded into one line each where there are too many of them.
 */
export function rowsOf(state: RunState, limit: number, now: number, facts: RowFacts = {}): Row[] {
  const { notice, cards, forecast, columns = Number.POSITIVE_INFINITY } = facts
  const named = (name: string): string => cutToWidth(printable(name), Math.max(LEAST_NAME, Math.floor(columns / 3)))
  const stages = [...state.stages.values()]
  const failures = state.failed.slice(-FAILURE_ROWS)
  const busy = stages.filter((stage) => stageRowState(stage, state) === 'running')
  const expected = new Map(forecast?.nodes.map(({ id, seconds }) => [id, seconds]))
  const say = (node: RunningNode): string => progressText(node, expected.get(node.node), now) || elapsedText(node, now)
  const heads: Row[] = [runRow(state, now, forecast, named)]
  if (notice !== undefined && !state.finished) heads.push({ key: 'notice', state: 'waiting', text: notice })
  if (cards !== undefined && !state.finished && limit > 6) heads.push({ key: 'cards', state: 'running', text: cards })
  const room = Math.max(4, limit) - heads.length
  const rowsOfStages = foldStages(stages, state, Math.max(1, room - Math.min(busy.length, 2)), say, named)
  const rows = heads
  let left = room - rowsOfStages.length
  const shownFailures = failures.slice(0, Math.max(0, left - 1))
  left -= shownFailures.length
  for (const { stage, row } of rowsOfStages) {
    rows.push(row)
    if (!stage || row.state !== 'running' || nodesOf(stage) < 2) continue
    for (const node of state.running.values()) {
      if (node.stage !== stage.stage) continue
      if (left <= 0) break
      left--
      rows.push({ key: `node ${node.node}`, state: 'running', text: `  ${named(variantOf(node))}  ${say(node)}` })
    }
  }
  for (const { node, failure } of shownFailures) {
    const message = printable(failure.message).split('\n', 1)[0]
    rows.push({ key: `failure ${node}`, state: 'failed', text: `  ${named(node)}: ${message}` })
  }
  return rows
}

function runRow(state: RunState, now: number, forecast: Forecast | undefined, named: Naming): Row {
  let ended = 0
  for (const stage of state.stages.values()) ended += endedOf(stage) - stage.skipped
  const requests = requestsSent(state)
  const status = state.finished?.status
  const isAsking = status === undefined && (state.asked.requests.at(-1)?.at ?? 0) > now - FRESH_MS
  const [perSecond, tokens] = isAsking ? [rateOf(state.asked.requests), rateOf(state.asked.tokens)] : []
  const left = forecast && status === undefined ? runSecondsLeft(state, forecast, now) : undefined
  const facts = [
    `${count(ended)} of ${counted(state.nodes, 'node')}`,
    duration(Math.max(0, now - state.startedAt) / 1000),
    ...(left ? [`${left.least ? 'more than' : 'about'} ${roughly(left.seconds)} left`] : []),
    ...(requests > 0 ? [`${counted(requests, 'request')} sent`] : []),
    ...(perSecond === undefined ? [] : [rate(perSecond)]),
    ...(tokens === undefined ? [] : [`${count(tokens)} tokens/s`]),
  ]
  const mark = status === undefined ? 'running' : status === 'ok' ? 'done' : status === 'failed' ? 'failed' : 'skipped'
  return { key: 'run', state: mark, text: `${named(state.pipeline)}: ${facts.join(', ')}` }
}

/** Stages as rows, folded to fit; at least one row is left for what can't be folded. */
function foldStages(
  stages: readonly StageState[],
  state: RunState,
  limit: number,
  say: (node: RunningNode) => string,
  named: Naming,
): { stage: StageState | undefined; row: Row }[] {
  const rows = stages.map((stage) => ({
    stage: stage as StageState | undefined,
    row: stageRow(stage, state, say, named),
  }))
  for (const kind of ['done', 'waiting', 'skipped', 'failed', 'running'] as const) {
    const foldable = rows.filter(({ row }) => row.state === kind)
    const surplus = rows.length - limit
    if (surplus <= 0) break
    if (foldable.length < 2) continue
    const chosen = kind === 'done' ? foldable.slice(0, surplus + 1) : foldable.slice(-(surplus + 1))
    const fold: Row = {
      key: `folded ${kind}`,
      state: kind,
      text: foldText(
        kind,
        chosen.map(({ stage }) => stage as StageState),
      ),
    }
    const at = rows.indexOf(chosen[0] as (typeof rows)[number])
    rows.splice(at, 0, { stage: undefined, row: fold })
    for (const entry of chosen) rows.splice(rows.indexOf(entry), 1)
  }
  return rows.slice(0, limit)
}

function foldText(kind: Row['state'], stages: readonly StageState[]): string {
  const nodes = stages.reduce((sum, stage) => sum + nodesOf(stage), 0)
  return `${counted(stages.length, 'stage')} ${kind}: ${counted(nodes, 'node')}`
}

function stageRow(stage: StageState, state: RunState, say: (node: RunningNode) => string, named: Naming): Row {
  const row = { key: `stage ${stage.stage}`, state: stageRowState(stage, state) }
  const only = nodesOf(stage) === 1 ? [...state.running.values()].find((node) => node.stage === stage.stage) : undefined
  if (only) return { ...row, text: `${named(stage.stage)}: ${say(only)}` }
  const counts: [number, string][] = [
    [stage.executed, 'executed'],
    [stage.cached, 'cached'],
    [stage.failed, 'failed'],
    [stage.skipped, 'skipped'],
    [stage.running, 'running'],
    [nodesOf(stage) - endedOf(stage) - stage.running, 'waiting'],
  ]
  const text = counts.filter(([value]) => value > 0).map(([value, word]) => `${count(value)} ${word}`)
  const why = [...state.waiting].find(([node]) => stageOf(node) === stage.stage)?.[1]
  return { ...row, text: `${named(stage.stage)}: ${text.join(', ')}${why === undefined ? '' : ` (${printable(why)})`}` }
}

function stageRowState(stage: StageState, state: RunState): Row['state'] {
  const ended = endedOf(stage) === nodesOf(stage) || state.finished !== undefined
  if (!ended) return stage.running > 0 || endedOf(stage) > 0 ? 'running' : 'waiting'
  if (stage.failed > 0) return 'failed'
  return stage.executed + stage.cached === nodesOf(stage) ? 'done' : 'skipped'
}

function endedOf(stage: StageState): number {
  return stage.executed + stage.cached + stage.failed + stage.skipped
}

function nodesOf(stage: StageState): number {
  return Math.max(stage.expected, endedOf(stage) + stage.running + stage.queued)
}

/** For how long a node has run that says nothing of itself; whole seconds, so that its line stays as it is in between. */
function elapsedText({ startedAt }: RunningNode, now: number): string {
  const seconds = Math.floor((now - startedAt) / 1000)
  return seconds < 1 ? 'running' : `running for ${seconds < 10 ? `${seconds} s` : duration(seconds)}`
}

function variantOf({ node, stage }: RunningNode): string {
  return node === stage ? node : node.slice(stage.length + 1, -1)
}
