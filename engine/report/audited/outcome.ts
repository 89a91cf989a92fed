import type { Label, LabelForm } from '../../../cache/label-log.ts'
import { choicesOf } from './choices.ts'

/** What people found of one source: how often each thing was said, of how many judged pairs. */
export interface Outcome {
  source: string
  judged: number
  /** By label or grade, in the order of the page: how often, and the 95 % interval of its share. */
  said: readonly { value: string; title: string; count: number; low: number; high: number }[]
}

/** Counts what was said of the judged ones among these pairs. */
export function outcomeOf(
  source: string,
  form: LabelForm,
  pairs: Iterable<string>,
  known: ReadonlyMap<string, Label>,
): Outcome {
  const counts = new Map<string, number>()
  let judged = 0
  for (const pair of new Set(pairs)) {
    const label = known.get(pair)
    if (!label) continue
    judged++
    for (const value of label.labels ?? [String(label.grade)]) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const said = choicesOf(form).map(({ value, title }) => {
    const count = counts.get(value) ?? 0
    return { value, title, count, ...wilson(count, judged) }
  })
  return { source, judged, said }
}

/** The 95 % interval of a share by Wilson (1927), which stays within 0 and 1 and needs no large sample. */
function wilson(count: number, of: number): { low: number; high: number } {
  if (of === 0) return { low: 0, high: 1 }
  const z = 1.959964
  const share = count / of
  const centre = share + z ** 2 / (2 * of)
  const reach = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2))
  const scale = 1 + z ** 2 / of
  return { low: Math.max(0, (centre - reach) / scale), high: Math.min(1, (centre + reach) / scale) }
}
