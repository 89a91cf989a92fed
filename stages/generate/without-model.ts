import type { Pair, Passage } from '../data/rows.ts'
import type { StageContext, StageInput, StageSummary } from '../define.ts'
import { crop } from './crop.ts'
import { importPairs, importSource, noImports } from './import/import-pairs.ts'
import type { GenerateOptions } from './options.ts'
import { toPair } from './passages.ts'

/** Takes pairs in their order. */
export interface PairWriter {
  writeAll(pairs: readonly Pair[]): Promise<void>
}

/** Rows between two looks at the signal. */
const BATCH = 256

/** Crops of passages as pairs; `counts` are kept up. */
async function* cropPairs(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  options: GenerateOptions,
  counts: { passages: number; pairs: number; unparsed: number },
): AsyncGenerator<Pair> {
  for await (const passage of passages) {
    counts.passages++
    for (let sample = 0; sample < options.per_passage; sample++) {
      const query = crop(passage.text, sample, options.seed, options.crop!)
      if (query === undefined) counts.unparsed++
      else {
        counts.pairs++
        yield toPair(passage, sample, query)
      }
    }
  }
}

/** Pairs that take no model, by `crop` or `import`, and their counts; undefined where a model writes them. */
export function pairsWithoutModel(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  input: (name: string) => StageInput | undefined,
  options: GenerateOptions,
): { pairs: AsyncGenerator<Pair>; counts: { passages: number; [name: string]: number } } | undefined {
  if (options.crop) {
    const counts = { passages: 0, pairs: 0, unparsed: 0 }
    return { pairs: cropPairs(passages, options, counts), counts }
  }
  const source = importSource(input, options)
  if (!source) return undefined
  const counts = noImports()
  return { pairs: importPairs(passages, source, counts), counts: counts as typeof counts & { [name: string]: number } }
}

/** Writes pairs that take no model; undefined where a model writes them. */
export async function writeWithoutModel(
  context: StageContext<GenerateOptions>,
  passages: AsyncIterable<Passage>,
  writer: PairWriter,
  total: number,
): Promise<StageSummary | undefined> {
  const { options, inputs, signal } = context
  const found = pairsWithoutModel(passages, (name) => inputs[name], options)
  if (!found) return undefined
  let batch: Pair[] = []
  for await (const pair of found.pairs) {
    batch.push(pair)
    if (batch.length < BATCH) continue
    await writer.writeAll(batch)
    batch = []
    signal.throwIfAborted()
    context.progress(Math.min(total, found.counts.passages * options.per_passage), total)
  }
  await writer.writeAll(batch)
  context.progress(total, total)
  return { counts: { ...found.counts } }
}
