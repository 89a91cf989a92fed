import type { Label, LabelLog } from '../../cache/label-log.ts'
import { CONTRARY, choicesOf } from '../report/audited/choices.ts'
import { visible } from '../report/html/markup.ts'
import type { Reply } from './server.ts'
import type { Subject } from './subject.ts'

/** Labels and grades of the pairs that are judged, as the page and the log know them. */
export class Desk {
  readonly #subject: Subject
  readonly #log: LabelLog
  readonly #queries: ReadonlyMap<string, string>
  readonly #now: () => Date

  constructor(subject: Subject, log: LabelLog, now: () => Date = () => new Date()) {
    this.#subject = subject
    this.#log = log
    this.#queries = new Map(subject.items.map(({ pair, query }) => [pair, query]))
    this.#now = now
  }

  /** How many of the pairs are judged. */
  get judged(): number {
    const known = this.#log.all(this.#subject.form)
    return this.#subject.items.filter(({ pair }) => known.has(pair)).length
  }

  /** What the page asks for: the pairs with what was said of them (never who wrote them), and what is said now. */
  async api(method: 'GET' | 'POST', name: string, body: unknown): Promise<Reply> {
    if (method === 'GET' && name === 'items') return json(this.#items())
    if (method !== 'POST' || name !== 'label') return { status: 404 }
    const label = this.#label(body)
    if (!label) return { status: 400 }
    await this.#log.append([label])
    return json({ judged: this.judged })
  }

  #items(): object[] {
    const { form, items } = this.#subject
    const known = this.#log.all(form)
    return items.map(({ pair, query, title, text, signals, grades }) => {
      const label = known.get(pair)
      const texts = { query: visible(query), title: visible(title), text: visible(text) }
      return { pair, ...texts, signals, grades, said: label ? (label.labels ?? [String(label.grade)]) : null }
    })
  }

  #label(body: unknown): Label | undefined {
    if (typeof body !== 'object' || body === null) return undefined
    const { pair, said } = body as { pair?: unknown; said?: unknown }
    const query = typeof pair === 'string' ? this.#queries.get(pair) : undefined
    if (typeof pair !== 'string' || query === undefined) return undefined
    const { form } = this.#subject
    const values = choicesOf(form).map(({ value }) => value)
    const facts = { pair, query, at: this.#now().toISOString() }
    if (said === null && form === 'grade') return { ...facts, grade: null }
    if (!Array.isArray(said) || !said.every((one) => values.includes(one as string))) return undefined
    if (CONTRARY.some(([a, b]) => said.includes(a) && said.includes(b))) return undefined
    if (form === 'labels') return { ...facts, labels: values.filter((value) => said.includes(value)) }
    return said.length === 1 ? { ...facts, grade: Number(said[0]) } : undefined
  }
}

function json(value: object): Reply {
  return { status: 200, type: 'application/json', text: JSON.stringify(value) }
}
