import type { WriteStream } from 'node:tty'
import type { NodeId } from '../../plan/node.ts'
import { foldEvent, newRunState } from '../run-state.ts'
import type { Forecast } from '../time-left.ts'
import type { View } from '../view.ts'
import { type CardWatch, watchCards } from './card-watch.ts'
import type { Screen } from './listr-screen.ts'
import { rowsOf } from './tty-rows.ts'

/** Lines of the screen that are left free, where it has enough of them. */
const MARGIN = 4

/** What a view on a terminal is opened with; everything but the terminal may be left out. */
export interface TtyOptions {
  /** All that the run has, in the order of the plan. */
  nodes?: Iterable<NodeId>
  /** What earlier runs say of them. */
  forecast?: Forecast | undefined
  now?: () => number
}

/**
 * Shows a run in place on a terminal. Nothing is drawn, and listr2 not even loaded, before a node has started: a run
 * with nothing to do stays silent.
 */
export function ttyView(terminal: WriteStream, { nodes = [], forecast, now = Date.now }: TtyOptions = {}): View {
  const state = newRunState(nodes)
  let screen: Promise<Screen | undefined> | undefined
  let cards: CardWatch | undefined
  let closed = false
  let notice: string | undefined
  const rows = () => {
    const height = terminal.rows || 24
    const facts = { notice, forecast, cards: cards?.text(), columns: terminal.columns || 80 }
    return rowsOf(state, height - MARGIN, now(), facts).slice(0, Math.max(1, height - 1))
  }
  return {
    event: (event) => {
      foldEvent(state, event)
      if (event.type !== 'node-started' || screen || closed) return
      cards = watchCards()
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
      cards?.close()
      await (await screen)?.end()
    },
  }
}
