import type { WriteStream } from 'node:tty'
import type { NodeId } from '../../plan/node.ts'
import { foldEvent, newRunState } from '../run-state.ts'
import type { View } from '../view.ts'
import type { Screen } from './listr-screen.ts'
import { rowsOf } from './tty-rows.ts'

/** Lines of the screen that are left free. */
const MARGIN = 4

/**
 * Shows a run in place on a terminal. Nothing is drawn, and listr2 not even loaded, before a node has started: a run
 * with nothing to do stays silent. `nodes` are all that the run has, in the order of the plan.
 */
export function ttyView(terminal: WriteStream, nodes: Iterable<NodeId> = [], now: () => number = Date.now): View {
  const state = newRunState(nodes)
  let screen: Promise<Screen | undefined> | undefined
  let closed = false
  let notice: string | undefined
  const rows = () => rowsOf(state, (terminal.rows || 24) - MARGIN, now(), notice)
  return {
    event: (event) => {
      foldEvent(state, event)
      if (event.type !== 'node-started' || screen || closed) return
      // A screen that can't be had is no reason to end a run.
      screen = import('./listr-screen.ts').then(
        ({ Screen }) => new Screen(terminal, rows),
        () => undefined,
      )
    },
    notice: (text) => {
      notice = text
      if (!screen) terminal.write(`${text}\n`)
    },
    close: async () => {
      if (closed) return
      closed = true
      await (await screen)?.end()
    },
  }
}
