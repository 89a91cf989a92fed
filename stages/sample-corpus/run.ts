import path from 'node:path'
import { corpusOf } from '../data/inputs.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { FILES } from '../data/rows.ts'
import type { StageContext, StageSummary } from '../define.ts'
import { choosePassages } from './choose.ts'
import type { SampleOptions } from './stage.ts'

/** Writes the sample as `passages.jsonl`. */
export async function run(context: StageContext<SampleOptions>): Promise<StageSummary> {
  const { options, signal, inputs } = context
  const corpus = corpusOf(inputs.dataset)
  const within = (read: number, of?: number): true => {
    context.progress(read, of)
    signal.throwIfAborted()
    return true
  }
  const isRetrieval = options.strategy === 'diverse' || options.strategy === 'uncertain'
  const findOrder = isRetrieval ? (await import('./find-order.ts')).retrievalOrder(corpus, context) : undefined
  const sample = choosePassages(corpus, options, within, findOrder)
  const writer = await writeJsonl(path.join(context.outputs.passages as string, FILES.passages))
  try {
    for await (const passages of sample.passages) await writer.writeAll(passages)
  } finally {
    await writer.close()
  }
  const { counts, warnings, details } = sample
  if (options.count !== undefined && counts.eligible < options.count)
    warnings.push(`only ${counts.eligible} of the ${options.count} passages asked for are there`)
  if (counts.eligible === 0) warnings.push('no passage of the corpus passed the cleaning')
  return {
    counts: { ...counts },
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
  }
}
