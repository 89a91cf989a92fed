import { setImmediate } from 'node:timers/promises'
import { readChosenRows } from '../data/beir.ts'
import type { Passage } from '../data/rows.ts'
import type { SourceFile, StageContext } from '../define.ts'
import { haltOf } from '../halt.ts'
import { buildBm25 } from '../retrieval/bm25.ts'
import { encodePassages } from '../retrieval/encode-passages.ts'
import { openEncoder } from '../retrieval/encoder.ts'
import { rankByEncoder } from '../retrieval/rank.ts'
import type { Hit } from '../retrieval/top-k.ts'
import type { FindOrder } from './choose.ts'
import { clusterOrder, farthestFirst, normalise, type Vectors } from './diverse.ts'
import { sortedBy } from './order.ts'
import { DEFAULT_PROBES, DEFAULT_RANKS, type SampleOptions } from './stage.ts'
import type { Survey } from './survey.ts'
import { probeOf, rankIn, windowKeys } from './uncertain.ts'

const BREATH = 64

/** The orders that an encoder or another retriever finds: `diverse` and `uncertain`. */
export function retrievalOrder(corpus: SourceFile, context: StageContext<SampleOptions>): FindOrder {
  return async (found, wanted, details) => {
    const { strategy } = context.options
    if (strategy === 'uncertain') return uncertainOrder(corpus, found, context, details)
    const byChance = found.hashes.order()
    const vectors = await vectorsOf(corpus, found, context)
    normalise(vectors)
    const { method = 'farthest_first', clusters } = context.options
    return method === 'k_means'
      ? clusterOrder(vectors, byChance, clusters, context)
      : farthestFirst(vectors, byChance, wanted, context)
  }
}

async function vectorsOf(corpus: SourceFile, found: Survey, context: StageContext<SampleOptions>): Promise<Vectors> {
  const encoder = await openEncoder(context.inputs.model, context)
  try {
    const { dimensions } = encoder
    const values = new Float32Array(found.rows.length * dimensions)
    let at = 0
    const halt = haltOf(context)
    for await (const { ids, vectors } of encodePassages(eligible(corpus, found), encoder)) {
      values.set(vectors, at * dimensions)
      at += ids.length
      context.progress(at, found.rows.length, 'passages encoded')
      halt.throwIfAborted()
    }
    return { values, dimensions }
  } finally {
    await encoder.close()
  }
}

async function uncertainOrder(
  corpus: SourceFile,
  found: Survey,
  context: StageContext<SampleOptions>,
  details: Parameters<FindOrder>[2],
): Promise<Uint32Array> {
  const { seed, ranks: window = DEFAULT_RANKS, probes = DEFAULT_PROBES } = context.options
  const byChance = found.hashes.order()
  const probed = new Uint8Array(found.rows.length)
  for (const document of byChance.subarray(0, probes)) probed[document] = 1
  const asked = new Map<string, { document: number; probe: string }>()
  let next = 0
  for await (const passage of eligible(corpus, found)) {
    if (probed[next]) asked.set(passage._id, { document: next, probe: probeOf(passage, seed) })
    next++
  }
  const ranks = Array<number | 'deeper' | 'not-probed'>(found.rows.length).fill('not-probed')
  for await (const [id, hits] of rankings(corpus, found, asked, window[1], context))
    ranks[asked.get(id)!.document] = rankIn(hits, id) ?? 'deeper'
  const { keys, counts } = windowKeys(ranks, window)
  details.uncertain = { ranks: [...window], ...counts }
  return sortedBy(byChance, keys)
}

/** The best `depth` documents for the probe of each document. */
async function* rankings(
  corpus: SourceFile,
  found: Survey,
  asked: ReadonlyMap<string, { probe: string }>,
  depth: number,
  context: StageContext<SampleOptions>,
): AsyncGenerator<[id: string, hits: readonly Hit[]]> {
  const { inputs, signal } = context
  if (inputs.model) {
    const encoder = await openEncoder(inputs.model, context)
    try {
      const queries = new Map(Array.from(asked, ([id, { probe }]) => [id, probe]))
      const { run } = await rankByEncoder(encoder, queries, eligible(corpus, found), depth, { signal: haltOf(context) })
      yield* run
    } finally {
      await encoder.close()
    }
    return
  }
  const index = await buildBm25(eligible(corpus, found))
  let done = 0
  for (const [id, { probe }] of asked) {
    yield [id, index.search(probe, depth)]
    if (++done % BREATH !== 0) continue
    context.progress(done, asked.size, 'passages looked for')
    await setImmediate()
    signal.throwIfAborted()
  }
}

async function* eligible(corpus: SourceFile, { rows }: Survey): AsyncGenerator<Passage> {
  const numbers = rows.values()
  let next = 0
  const isEligible = (row: number): boolean => numbers[next] === row && ++next > 0
  for await (const { rows: some } of readChosenRows(corpus, isEligible))
    for (const { _id, title, text } of some) yield { _id, doc_id: _id, title, text }
}
