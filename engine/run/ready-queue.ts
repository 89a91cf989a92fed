import type { NodeId } from '../plan/node.ts'
import { Heap } from '../util/heap.ts'

/** Amounts by resource: CPU slots, bytes of memory, slots of a pool. */
export type Amounts = { readonly [resource: string]: number }

/** What a task holds from its start to its end. */
export interface Demand {
  amounts: Amounts
  /** Names what it needs at the gate, alike for tasks that need the same; absent if it needs nothing there. */
  gate?: string
}

/** Hands out what is no plain amount (cards, servers), and decides by itself whether a task may have it now. */
export interface Gate {
  /**
   * Takes all that the task needs, or nothing. With `sparing`, nothing is taken that this other task, which has waited
   * for long, could use.
   */
  enter(id: NodeId, sparing: NodeId | undefined): boolean
  /** Whether all that the task lacks is held by tasks of this run, so that it is there once these have ended. */
  isOurs(id: NodeId): boolean
}

/** Ready tasks that need the same: if the first of them does not fit, none does. */
interface Line {
  demand: Demand
  waiting: Heap
  /** Tasks behind its first that started since any of its own did. */
  overtaken: number
}

/** How many tasks may overtake one that does not fit, before what it needs is kept for it. */
const PATIENCE = 16

/**
 * The tasks that could start, and what there is for them. Tasks are numbers: the smaller goes first. One that does not
 * fit holds up no other, until it was overtaken `PATIENCE` times: then nothing may take what it needs, so that it
 * starts at the latest when all that runs has ended. Starting one costs O(log tasks + kinds of demands).
 */
export class ReadyQueue {
  readonly #demandOf: (place: number) => Demand
  readonly #idOf: (place: number) => NodeId
  readonly #gate: Gate | undefined
  readonly #free: { [resource: string]: number }
  readonly #lines = new Map<string, Line>()
  /** Lines that did not fit since anything was given back. */
  readonly #stuck = new Set<Line>()
  #favoured: Line | undefined
  #size = 0

  constructor(options: {
    capacity: Amounts
    demandOf(place: number): Demand
    idOf(place: number): NodeId
    gate?: Gate | undefined
  }) {
    this.#free = { ...options.capacity }
    this.#demandOf = options.demandOf
    this.#idOf = options.idOf
    this.#gate = options.gate
  }

  get size(): number {
    return this.#size
  }

  add(place: number): void {
    const demand = this.#demandOf(place)
    const key = JSON.stringify([Object.entries(demand.amounts).sort(), demand.gate])
    let line = this.#lines.get(key)
    if (!line) {
      line = { demand, waiting: new Heap(), overtaken: 0 }
      this.#lines.set(key, line)
    }
    line.waiting.push(place)
    this.#size++
  }

  /** The task to start now, with what it needs taken; undefined if none fits. */
  take(): number | undefined {
    const favoured = this.#favourite()
    if (favoured !== this.#favoured) this.#stuck.clear()
    this.#favoured = favoured
    const lines = [...this.#lines.values()].filter(({ waiting }) => waiting.size > 0)
    lines.sort((a, b) => a.waiting.top! - b.waiting.top!)
    for (const line of favoured ? [favoured, ...lines] : lines) {
      if (this.#stuck.has(line)) continue
      if (!this.#enter(line, favoured)) {
        this.#stuck.add(line)
        continue
      }
      const place = line.waiting.pop()!
      // All that stand before it were found not to fit.
      if (line !== favoured) for (const other of lines.slice(0, lines.indexOf(line))) other.overtaken++
      line.overtaken = 0
      this.#size--
      return place
    }
    return undefined
  }

  /** Gives back the amounts of a task that has ended. */
  release(place: number): void {
    for (const [resource, amount] of Object.entries(this.#demandOf(place).amounts))
      this.#free[resource] = (this.#free[resource] ?? 0) + amount
    this.#stuck.clear()
  }

  /** Has the gate asked again. */
  gateChanged(): void {
    this.#stuck.clear()
  }

  // What others hold may stay away for long: nothing is kept for a task that waits for that.
  #favourite(): Line | undefined {
    let favourite: Line | undefined
    for (const line of this.#lines.values()) {
      if (line.overtaken < PATIENCE || line.waiting.size === 0) continue
      if (line.demand.gate !== undefined && !this.#gate?.isOurs(this.#idOf(line.waiting.top!))) continue
      const before = favourite && (favourite.overtaken - line.overtaken || line.waiting.top! - favourite.waiting.top!)
      if (before === undefined || before < 0) favourite = line
    }
    return favourite
  }

  #enter(line: Line, favoured: Line | undefined): boolean {
    const other = favoured === line ? undefined : favoured
    const { amounts, gate } = line.demand
    for (const [resource, amount] of Object.entries(amounts)) {
      const kept = other?.demand.amounts[resource] ?? 0
      if (amount > 0 && (this.#free[resource] ?? 0) - amount < kept) return false
    }
    const spared = other?.demand.gate === undefined ? undefined : this.#idOf(other.waiting.top!)
    if (gate !== undefined && !this.#gate?.enter(this.#idOf(line.waiting.top!), spared)) return false
    for (const [resource, amount] of Object.entries(amounts))
      this.#free[resource] = (this.#free[resource] ?? 0) - amount
    return true
  }
}
