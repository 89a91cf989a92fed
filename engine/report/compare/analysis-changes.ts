import type { Store } from '../../../cache/store.ts'
import { type AnalysedContrast, type AnalysedPlateau, type Analysis, analysisOf } from '../analysis.ts'
import type { Side } from './side.ts'

/** A contrast or a plateau of an `analysis` stage on both sides; null where a side does not have it. */
export interface AnalysisChange {
  node: string
  collection: string
  contrasts: readonly { a: string; b: string; before: AnalysedContrast | null; now: AnalysedContrast | null }[]
  plateaus: readonly { system: string; axis: string; before: AnalysedPlateau | null; now: AnalysedPlateau | null }[]
}

/** What `analysis` stages conclude on either side; collections on which they conclude the same are left out. */
export async function analysisChanges(
  a: Side,
  b: Side,
  blobs: Pick<Store['blobs'], 'check' | 'locate'>,
): Promise<AnalysisChange[]> {
  const found: AnalysisChange[] = []
  for (const [id, now] of b.nodes) {
    const before = a.nodes.get(id)
    if (!before?.record || !now.record) continue
    const [old, fresh] = [await analysisOf(before.record, blobs), await analysisOf(now.record, blobs)]
    if (!old || !fresh || JSON.stringify(old) === JSON.stringify(fresh)) continue
    for (const name of new Set([...old.collections, ...fresh.collections].map(({ collection }) => collection)))
      found.push({ node: id, collection: name, ...changesOn(name, old, fresh) })
  }
  return found.filter(({ contrasts, plateaus }) => contrasts.length + plateaus.length > 0)
}

function changesOn(name: string, old: Analysis, fresh: Analysis): Pick<AnalysisChange, 'contrasts' | 'plateaus'> {
  const of = ({ collections }: Analysis) => collections.find(({ collection }) => collection === name)
  const contrasts = joined(of(old)?.contrasts ?? [], of(fresh)?.contrasts ?? [], ({ a, b }) => JSON.stringify([a, b]))
  const plateaus = joined(of(old)?.plateaus ?? [], of(fresh)?.plateaus ?? [], ({ system, axis }) =>
    JSON.stringify([system, axis]),
  )
  return {
    contrasts: contrasts.map(({ one: { a, b }, before, now }) => ({ a, b, before, now })),
    plateaus: plateaus.map(({ one: { system, axis }, before, now }) => ({ system, axis, before, now })),
  }
}

function joined<Item>(
  old: readonly Item[],
  fresh: readonly Item[],
  nameOf: (item: Item) => string,
): { one: Item; before: Item | null; now: Item | null }[] {
  const [before, now] = [old, fresh].map((items) => new Map(items.map((item) => [nameOf(item), item])))
  return [...new Map([...fresh, ...old].map((item) => [nameOf(item), item]))].map(([name, one]) => ({
    one,
    before: before?.get(name) ?? null,
    now: now?.get(name) ?? null,
  }))
}
