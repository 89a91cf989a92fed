import path from 'node:path'
import { corpusOf } from '../data/inputs.ts'
import { writeJsonl } from '../data/jsonl.ts'
import { FILES } from '../data/rows.ts'
import type { StageContext, StageSummary } from '../define.ts'
import { choosePassages } from './choose.ts'
import type { SampleOptions } from './stage.ts'

const PROGRESS_EVERY = 1000

/** Writes the sample as `passages.jsonl`. */
export async function run(context: StageContext<SampleOptions>): Promise<StageSummary> {
  const { options, signal } = context
  const sample = choosePassages(corpusOf(context.inputs.dataset), options, (read, eligible) => {
    if (read % PROGRESS_EVERY === 0) context.progress(read, eligible)
    signal.throwIfAborted()
    return true
  })
  const writer = await writeJsonl(path.join(context.outputs.passages as string, FILES.passages))
  try {
    for await (const passage of sample.passages) await writer.write(passage)
  } finally {
    await writer.close()
  }
  const { counts } = sample
  const warnings: string[] = []
  if (options.count !== undefined && counts.eligible < options.count)
    warnings.push(`only ${counts.eligible} of the ${options.count} passages asked for are there`)
  if (counts.eligible === 0) warnings.push('no passage of the corpus passed the cleaning')
  return { counts: { ...counts }, ...(warnings.length > 0 ? { warnings } : {}) }
}
