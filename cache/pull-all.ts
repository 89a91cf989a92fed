import type { ActionLog } from './action-log.ts'
import { haveSameOutputs } from './artifact.ts'
import type { Remotes } from './remotes.ts'

/** Brings every result that remotes offer and the store lacks into it, under the addresses that they came with; how many. */
export async function resultsOf(remotes: Remotes, actions: ActionLog): Promise<number> {
  let came = 0
  for (const remote of remotes.all) {
    for (const { record } of [...remote.results()]) {
      if (actions.find(record.key).some(({ outputs }) => haveSameOutputs(outputs, record.outputs))) continue
      const { project, pipeline, node } = record
      if (await remotes.fetch(record, { project, pipeline, node })) came++
    }
  }
  return came
}
