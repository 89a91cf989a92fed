import type { ModelUse } from '../../cache/action-record.ts'
import type { ModelCharge } from '../../stages/define.ts'

/** What one node asks of models, by their names. */
export class ModelLedger {
  readonly #models: { [model: string]: ModelUse } = {}

  charge({ model, money, ...use }: ModelCharge): void {
    this.#models[model] ??= noUse()
    const total = this.#models[model]
    for (const name in use) total[name as keyof typeof use] += use[name as keyof typeof use] as number
    if (money !== undefined && money !== null) total.money = (total.money ?? 0) + money
  }

  /** Tokens of all new answers so far, in and out. */
  get tokens(): number {
    return Object.values(this.#models).reduce((sum, use) => sum + use.input_tokens + use.output_tokens, 0)
  }

  /** A copy of what there is by now; undefined where no model was asked. */
  get models(): { readonly [model: string]: ModelUse } | undefined {
    const names = Object.keys(this.#models)
    if (names.length === 0) return undefined
    return Object.fromEntries(names.map((name) => [name, rounded(this.#models[name] as ModelUse)]))
  }
}

function noUse(): ModelUse {
  return {
    new: 0,
    cached: 0,
    retried: 0,
    failed: 0,
    input_tokens: 0,
    output_tokens: 0,
    uncounted: 0,
    seconds: 0,
    money: null,
  }
}

// Sums of parts of a cent and of a millisecond end in digits that nothing measured.
function rounded(use: ModelUse): ModelUse {
  const money = use.money === null ? null : Math.round(use.money * 1e9) / 1e9
  return { ...use, seconds: Math.round(use.seconds * 1000) / 1000, money }
}
