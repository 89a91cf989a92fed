import type { RowValue } from '../../cache/row-store.ts'
import type { RowTurn } from '../../cache/row-turn.ts'

const ever = new AbortController().signal

/** Asks in a row's turn among processes, as a stage does that has nothing else to do meanwhile. */
export async function inTurn(turn: RowTurn, ask: () => Promise<RowValue>): Promise<RowValue | undefined> {
  for (;;) {
    const { kind } = turn.take()
    if (kind === 'stored') return undefined
    if (kind === 'mine') return ask()
    await turn.next(ever)
  }
}
