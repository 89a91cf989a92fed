import { compareUtf8 } from '../../cache/canonical.ts'
import { hash64 } from '../../cache/xxh.ts'
import { HashColumn } from '../data/hash-column.ts'
import type { Example, Examples, Kind } from './examples.ts'
import type { Combine, MixSource } from './options.ts'
import type { Passages } from './passages.ts'

/** What the order and choice of rows is made of. */
interface Pool {
  examples: Examples
  passages: Passages
  kindOf(source: number): Kind
  seed: number
}

/**
 * Rows of the training data: each source within its caps, each row as often as its weight says, in the shares that
 * `combine` asks for, in the order of XXH64 of seed, ids and repeat. Which rows of a source are taken depends on nothing
 * but them, so that a smaller share is part of a larger one.
 */
export function combineSources(
  training: readonly Example[],
  sources: readonly MixSource[],
  combine: Combine,
  pool: Pool,
): Example[] {
  const bySource = sources.map((source, i) =>
    withinCaps(
      training.filter(({ row }) => pool.examples.source(row) === i),
      source,
      pool,
    ),
  )
  if (typeof combine === 'object' && 'weights' in combine) {
    const shares = apportion(combine.weights, combine.total)
    const drawn = bySource.flatMap((own, i) => {
      const most = own.length === 0 ? 0 : (shares[i] as number)
      const rounds = repeated(own, () => Math.ceil(most / Math.max(own.length, 1)))
      // All rows of a source stand there once before any stands there again.
      return inOrder(rounds, pool)
        .sort((a, b) => a.repeat - b.repeat)
        .slice(0, most)
    })
    return inOrder(drawn, pool)
  }
  const weightOf = ({ row }: Example): number => sources[pool.examples.source(row)]?.weight ?? 1
  const all = inOrder(repeated(bySource.flat(), weightOf), pool)
  return combine === 'concat' ? all : atRatio(all, combine.ratio.labelled, pool)
}

/** `total` split by weights into whole numbers, by largest remainders; ties go to the earlier one. */
export function apportion(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  if (sum === 0) return weights.map(() => 0)
  const exact = weights.map((weight) => (weight / sum) * total)
  const shares = exact.map(Math.floor)
  let rest = total - shares.reduce((all, share) => all + share, 0)
  const byRemainder = exact.map((value, i) => ({ i, left: value - Math.floor(value) })).sort((a, b) => b.left - a.left)
  for (const { i } of byRemainder) if (rest-- > 0) shares[i] = (shares[i] as number) + 1
  return shares
}

function withinCaps(own: readonly Example[], { cap, per_passage, per_query }: MixSource, pool: Pool): Example[] {
  if (cap === undefined && per_passage === undefined && per_query === undefined) return [...own]
  const { examples, passages } = pool
  const taken = new Map<string, number>()
  const fits = (key: string, most: number | undefined): boolean => most === undefined || (taken.get(key) ?? 0) < most
  const chosen: Example[] = []
  for (const example of eachOnce(own, pool)) {
    if (chosen.length >= (cap ?? Number.POSITIVE_INFINITY)) break
    const keys = [`p${passages.key(example.passage)}`, `q${examples.anchorKey(example.row)}`] as const
    if (!fits(keys[0], per_passage) || !fits(keys[1], per_query)) continue
    for (const key of keys) taken.set(key, (taken.get(key) ?? 0) + 1)
    chosen.push(example)
  }
  return chosen
}

/** As many rows as there can be at that share of labelled ones: only one kind loses rows. */
function atRatio(rows: readonly Row[], labelled: number, { examples, kindOf }: Pool): Row[] {
  const isLabelled = ({ row }: Example): boolean => kindOf(examples.source(row)) === 'labelled'
  const counts = { labelled: rows.filter(isLabelled).length, synthetic: 0 }
  counts.synthetic = rows.length - counts.labelled
  // A product such as 0.1 * 30 may land just below the integer that it stands for.
  const whole = (value: number): number => Math.floor(value + 1e-9)
  const most =
    labelled === 0
      ? { labelled: 0, synthetic: counts.synthetic }
      : labelled === 1
        ? { labelled: counts.labelled, synthetic: 0 }
        : {
            labelled: Math.min(counts.labelled, whole((counts.synthetic * labelled) / (1 - labelled))),
            synthetic: Math.min(counts.synthetic, whole((counts.labelled * (1 - labelled)) / labelled)),
          }
  const taken = { labelled: 0, synthetic: 0 }
  return rows.filter((example) => {
    const kind = isLabelled(example) ? 'labelled' : 'synthetic'
    return ++taken[kind] <= most[kind]
  })
}

/** The rows with others among them, in the order that they have together. */
export function withMore(rows: readonly Example[], more: readonly Example[], pool: Pool): Example[] {
  const before = new Map<number, number>()
  const repeats = rows.map((example) => {
    const repeat = before.get(example.row) ?? 0
    before.set(example.row, repeat + 1)
    return { ...example, repeat }
  })
  return inOrder([...repeats, ...more.map((example) => ({ ...example, repeat: 0 }))], pool)
}

/** A row of the training data; `repeat` counts how often its example stands there before. */
type Row = Example & { repeat: number }

function repeated(examples: readonly Example[], times: (example: Example) => number): Row[] {
  return examples.flatMap((example) => Array.from({ length: times(example) }, (_, repeat) => ({ ...example, repeat })))
}

/** Examples once each, in the order of the training data. */
export function eachOnce(examples: readonly Example[], pool: Pool): Example[] {
  return inOrder(
    repeated(examples, () => 1),
    pool,
  )
}

function inOrder(rows: readonly Row[], { examples, passages, kindOf, seed }: Pool): Row[] {
  const places = new HashColumn()
  for (const { row, passage, repeat } of rows) {
    const kind = kindOf(examples.source(row))
    const parts = [seed, repeat, kind, examples.queryId(row), passages.id(passage), examples.anchor(row)]
    places.push(hash64(parts.join('\t')))
  }
  const order = places.order()
  const sorted = Array.from(order, (i) => rows[i] as Row)
  // Rows that are equal in all that was hashed may still differ in the text of their passage.
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && places.get(order[end] as number) === places.get(order[start] as number)) end++
    if (end - start > 1) {
      const level = sorted.slice(start, end)
      level.sort((a, b) => compareUtf8(passages.text(a.passage), passages.text(b.passage)))
      sorted.splice(start, level.length, ...level)
    }
    start = end
  }
  return sorted
}
