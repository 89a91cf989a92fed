import type { Json } from '../define.ts'
import type { AddedStage } from './define.ts'
import type { Stages } from './system.ts'

/** Collects the stages that one baseline adds. Equal ones, of systems that share a part, are added once. */
export class Derivation {
  readonly #baseline: string
  readonly #label: string
  readonly #stages: Stages
  readonly #added = new Map<string, AddedStage>()
  readonly #evals: AddedStage[] = []

  constructor(baseline: string, label: string, stages: Stages) {
    this.#baseline = baseline
    this.#label = label
    this.#stages = stages
  }

  /** Adds a stage in the place of a written one, with other options; returns its name. */
  add(like: string, options: { readonly [name: string]: Json | undefined }): string {
    const stage = this.#stage(like, options)
    const known = this.#added.get(this.#identity(stage))
    if (known) return known.name
    this.#added.set(this.#identity(stage), stage)
    return stage.name
  }

  /** Adds what measures a derived system in the place of a written `eval`. */
  measure(like: string, options: { readonly [name: string]: Json | undefined }): void {
    const stage = this.#stage(like, options)
    if (!this.#evals.some((other) => this.#identity(other) === this.#identity(stage))) this.#evals.push(stage)
  }

  /** All of them; the only measured system has the name of the baseline itself. */
  finish(): AddedStage[] {
    const [first, ...more] = this.#evals
    const evals =
      first && more.length === 0
        ? [{ ...first, name: `baseline-${this.#baseline}`, label: `${this.#label} (baseline)` }]
        : this.#evals.map((stage) => ({ ...stage, label: `${this.#label} (baseline of ${stage.like})` }))
    return [...this.#added.values(), ...evals]
  }

  #stage(like: string, options: { readonly [name: string]: Json | undefined }): AddedStage {
    const given = Object.entries(options).filter((entry): entry is [string, Json] => entry[1] !== undefined)
    const { uses } = this.#stages[like]!
    return { name: `baseline-${this.#baseline}-${like}`, uses, with: Object.fromEntries(given), like }
  }

  #identity({ uses, with: options, like }: AddedStage): string {
    return JSON.stringify([uses, options, this.#stages[like]!.settings])
  }
}
