import { compareUtf8 } from '../../cache/canonical.ts'
import { loadXxh } from '../../cache/xxh.ts'
import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Passage } from '../data/rows.ts'
import type { AuditItem, Audits } from '../define.ts'
import type { JudgedPair } from '../judge/judging.ts'
import { pairKey } from '../judge/pair-key.ts'
import { gradesOf } from './judges.ts'
import { pairsOf, rankOf, samplePairs } from './sample.ts'
import { signalsOf } from './signals.ts'

/** Samples and pools of artifacts, for people to judge. */
export const audits: Audits = {
  async pairs(sources, { count, seed, signal, progress }) {
    await loadXxh()
    const pairs = await samplePairs(sources, { count, seed })
    const signals = await signalsOf(pairs, sources, { signal, progress })
    return pairs.map((pair, i) => ({ ...pair, signals: signals[i]!, grades: [] }))
  },

  async pools(sources, { seed }) {
    const byQuery = new Map<string, Map<string, AuditItem>>()
    for (const { label, input } of sources)
      for await (const { row } of readJsonl<JudgedPair>(fileOf(input, FILES.pool).location, FILES.pool)) {
        const { pair, query, title, text } = row
        const items = byQuery.get(query) ?? new Map<string, AuditItem>()
        byQuery.set(query, items)
        const known = items.get(pair)
        items.set(pair, { pair, query, title, text, by: [...(known?.by ?? []), label], grades: [] })
      }
    return [...byQuery]
      .sort(([a], [b]) => compareUtf8(rankOf(seed, a), rankOf(seed, b)))
      .flatMap(([, items]) =>
        [...items.values()].sort((a, b) => compareUtf8(rankOf(seed, a.pair), rankOf(seed, b.pair))),
      )
  },

  async keysOf({ input }, queries) {
    const wanted = new Map<string, Set<string>>()
    for await (const { row } of pairsOf(input)) {
      if (!queries.has(row.query)) continue
      wanted.set(row.passage_id, (wanted.get(row.passage_id) ?? new Set()).add(row.query))
    }
    const keys = new Set<string>()
    if (wanted.size === 0) return keys
    const { location } = fileOf(input, FILES.passages)
    for await (const { row } of readJsonl<Passage>(location, FILES.passages))
      for (const query of wanted.get(row._id) ?? []) keys.add(pairKey(query, row))
    return keys
  },

  grades: gradesOf,
}
