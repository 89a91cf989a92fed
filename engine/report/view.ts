import type { RunEvent } from '../run/events.ts'

/** What shows a run while it goes on: a fold over its events that never decides anything. */
export interface View {
  event(event: RunEvent): void
  /** Says something that is no event of the run, e.g. what a Ctrl-C will do; programs are not told. */
  notice(text: string): void
  /** Shows what is left to show and gives the terminal back; nothing is drawn afterwards. */
  close(): Promise<void>
}

/** Where a view writes; a subset of a Node stream. */
export interface Sink {
  write(text: string): unknown
}
