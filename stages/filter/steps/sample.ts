import { hash64 } from '../../../cache/xxh.ts'
import { Column } from '../../data/column.ts'
import { IdTable } from '../../data/id-table.ts'
import type { SampleOptions } from '../options.ts'
import type { Step } from './step.ts'

/**
 * Keeps at most so many queries of a passage, and so many in all: those first in an order by XXH64 of seed, passage and
 * query, or with `by: logprob` the likeliest. A smaller sample is part of a larger one, and neither the order of the rows
 * nor other passages decide which queries of a passage stay. The score is the query's place among those of its passage,
 * from 1. Holds 29 bytes a pair and 48 a passage.
 */
export function sampleStep({ per_passage, count, by = 'random', seed = 1 }: SampleOptions): Step {
  const rows = Column.integers()
  const passages = Column.integers()
  const ids = new IdTable()
  const places = Column.floats()
  const keys = Column.floats()
  return {
    name: 'sample',
    judge: (batch) =>
      batch.map(({ row, pair, passage }) => {
        const number = ids.add(passage._id, ids.size) ?? ids.size - 1
        rows.push(row)
        passages.push(number)
        places.push(Number(hash64(`${seed}\tsample\t${passage._id}\t${pair.query}\t${pair._id}`) >> 11n))
        keys.push(by === 'logprob' ? -(pair.logprob ?? -Number.MAX_VALUE) : 0)
        return { keep: true, score: null }
      }),
    async settle() {
      const order = Uint32Array.from({ length: rows.length }, (_, i) => i).sort(
        (a, b) => keys.get(a) - keys.get(b) || places.get(a) - places.get(b) || a - b,
      )
      const taken = new Uint32Array(ids.size)
      const kept = Column.bytes()
      const ranks = Column.integers()
      let total = 0
      for (const i of order) {
        const passage = passages.get(i)
        const rank = (taken[passage] as number) + 1
        taken[passage] = rank
        ranks.set(rows.get(i), rank)
        if (rank > (per_passage ?? Number.POSITIVE_INFINITY) || total >= (count ?? Number.POSITIVE_INFINITY)) continue
        total++
        kept.set(rows.get(i), 1)
      }
      return (row) => ({ keep: kept.get(row) === 1, score: ranks.get(row) })
    },
  }
}
