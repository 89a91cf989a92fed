import type { NodeId } from '../../plan/node.ts'
import type { RunEvent } from '../../run/events.ts'
import type { SkipReason } from '../../run/scheduler.ts'
import { unreachable } from '../../util/unreachable.ts'
import { failureText } from '../failure-text.ts'
import { modelUseText } from '../model-use-text.ts'
import { progressText } from '../progress-text.ts'
import { foldEvent, newRunState, type RunState } from '../run-state.ts'
import { finishedText, requestsText } from '../summary.ts'
import { type Forecast, runSecondsLeft } from '../time-left.ts'
import type { Sink, View } from '../view.ts'
import { counted, duration, printable, roughly } from '../words.ts'

type Restored = Extract<RunEvent, { type: 'node-restored' }>

/** Above this many nodes restored in a row, they share a line. */
const RESTORED_LINES = 3
/** At most one line of progress in this time for a node. */
const PROGRESS_MS = 10_000

/** One timestamped line (UTC) for each event that matters: for logs, pipes and CI. */
export function plainView(out: Sink, forecast?: Forecast): View {
  const state = newRunState()
  const progressAt = new Map<NodeId, number>()
  let restored: Restored[] = []
  const tellRestored = (): void => {
    for (const line of restoredLines(restored)) out.write(line)
    restored = []
  }
  return {
    event: (event) => {
      foldEvent(state, event)
      if (event.type === 'node-restored') {
        restored.push(event)
        return
      }
      if (event.type === 'node-started') progressAt.set(event.node, event.at)
      if (event.type === 'node-progress') {
        const last = progressAt.get(event.node) ?? event.at
        if (event.at - last < PROGRESS_MS) return
        progressAt.set(event.node, event.at)
      }
      const line = lineOf(event, state, forecast)
      if (line === undefined) return
      tellRestored()
      out.write(`${timestamp(event.at)} ${line}\n`)
    },
    notice: (text) => {
      tellRestored()
      out.write(`${text}\n`)
    },
    close: () => {
      tellRestored()
      return Promise.resolve()
    },
  }
}

function restoredLines(restored: readonly Restored[]): string[] {
  const last = restored.at(-1)
  if (!last || restored.length <= RESTORED_LINES) {
    return restored.map((event) => {
      const why = event.cutOff ? ' (its inputs came out the same)' : ''
      return `${timestamp(event.at)} ${event.node} cached${why}\n`
    })
  }
  return [`${timestamp(last.at)} ${counted(restored.length, 'node')} cached, ${last.node} the last of them\n`]
}

function skippedText(because: SkipReason): string {
  if (because === 'interrupted') return 'the run was interrupted'
  return because === 'fail-fast' ? 'another node failed (--fail-fast)' : `${because} failed`
}

/** How long a run that begins will take, as far as earlier runs tell. */
function expectedText(state: RunState, forecast: Forecast | undefined): string {
  const left = forecast && runSecondsLeft(state, forecast, state.startedAt)
  return left ? `, ${left.least ? 'more than' : 'about'} ${roughly(left.seconds)} as before` : ''
}

function timestamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

function lineOf(event: RunEvent, state: RunState, forecast: Forecast | undefined): string | undefined {
  switch (event.type) {
    case 'run-started':
      return `run ${event.run} of ${event.pipeline}: ${counted(event.nodes, 'node')}${expectedText(state, forecast)}`
    case 'node-queued':
    case 'node-restored':
      return undefined
    case 'node-waiting':
      return `${event.node} waits: ${printable(event.why)}`
    case 'node-started':
      return `${event.node} started (${event.uses})`
    case 'node-progress': {
      const running = state.running.get(event.node)
      return running && `${event.node} ${progressText(running)}`
    }
    case 'node-retried':
      return `${event.node} failed, attempt ${event.attempt} in ${duration(event.waitMs / 1000)}: ${failureText(event.failure)}`
    case 'node-finished': {
      const { counts, warnings = [] } = event.summary
      const numbers = Object.entries(counts).map(([name, value]) => `${name} ${value}`)
      const facts = [duration(event.seconds), ...requestsText(event.requests), ...numbers]
      return [
        `${event.node} finished: ${facts.join(', ')}`,
        ...warnings.map((warning) => `  warning: ${printable(warning)}`),
      ].join('\n')
    }
    case 'node-failed':
      return `${event.node} failed: ${failureText(event.failure)}`
    case 'node-skipped':
      return `${event.node} skipped: ${skippedText(event.because)}`
    case 'models-used': {
      const asked = Object.entries(event.models).filter(([, use]) => use.new + use.failed > 0)
      if (asked.length === 0) return undefined
      return asked.map(([model, use]) => `${event.node} asked ${model}: ${modelUseText(use)}`).join('\n')
    }
    case 'server-started':
      return `server started: ${printable(event.note)}`
    case 'server-stopped':
      return `server stopped: ${printable(event.note)}`
    case 'warning':
      return `warning: ${event.node === undefined ? '' : `${event.node}: `}${printable(event.message)}`
    case 'run-finished':
      return finishedText(event)
    default:
      return unreachable(event)
  }
}
