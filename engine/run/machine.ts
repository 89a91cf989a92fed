import { availableParallelism, totalmem } from 'node:os'
import { type GpuInventory, takeInventory } from './gpus/inventory.ts'

/** What a run may use at once. */
export interface Machine {
  /** Slots. */
  cpus: number
  /** Bytes. */
  memory: number
  gpus: GpuInventory
}

/** What this machine has, limits of its control group honoured; cards are only looked for if they are asked for. */
export async function surveyMachine(options: { jobs?: number | undefined; cards: boolean }): Promise<Machine> {
  const limit = process.constrainedMemory()
  return {
    cpus: options.jobs ?? availableParallelism(),
    memory: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
    gpus: options.cards ? await takeInventory() : { cards: [], found: 'nothing was looked for' },
  }
}
