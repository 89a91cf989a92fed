import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceContext } from '../define.ts'

const EVERY_MS = 1000
/** So often in a row may the answer fail, on a machine that is busy, before it is not asked for any more. */
const MOST_FAILURES = 3

/** Adds up what graphics cards draw while it is on, where `nvidia-smi` tells. */
export class EnergyMeter {
  readonly #processes: ServiceContext<unknown>['processes']
  readonly #scratch: string
  readonly #log: string
  #timer: NodeJS.Timeout | undefined
  #cards: readonly string[] = []
  #joules = 0
  #last: { at: number; watts: number } | undefined
  #isAsking = false
  #failures = 0

  constructor(processes: ServiceContext<unknown>['processes'], { scratch, log }: { scratch: string; log: string }) {
    this.#processes = processes
    this.#scratch = scratch
    this.#log = log
  }

  /** Begins with cards of these UUIDs. */
  start(cards: readonly string[]): void {
    if (cards.length === 0) return
    this.#cards = cards
    this.#timer ??= setInterval(() => void this.#sample(), EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Watt hours of all cards together; nothing where none were told. */
  facts(): { energy_wh?: number } {
    return this.#joules === 0 ? {} : { energy_wh: this.#joules / 3600 }
  }

  async #sample(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    const watts = await this.#draw().catch(() => undefined)
    this.#isAsking = false
    if (watts === undefined) {
      if (++this.#failures === MOST_FAILURES) this.stop()
      return
    }
    this.#failures = 0
    const at = performance.now()
    if (this.#last) this.#joules += ((at - this.#last.at) / 1000) * ((watts + this.#last.watts) / 2)
    this.#last = { at, watts }
  }

  async #draw(): Promise<number | undefined> {
    const stdout = join(this.#scratch, 'power.csv')
    const query = ['--id', this.#cards.join(','), '--query-gpu=power.draw', '--format=csv,noheader,nounits']
    await this.#processes.run({
      title: 'nvidia-smi',
      command: ['nvidia-smi', ...query],
      log: this.#log,
      stdout,
      timeoutMs: 5_000,
    })
    const lines = (await readFile(stdout, 'utf8')).trim().split('\n')
    const watts = lines.map(Number)
    return watts.every(Number.isFinite) ? watts.reduce((sum, one) => sum + one, 0) : undefined
  }
}
