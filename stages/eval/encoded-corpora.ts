import { corpusOf } from '../data/inputs.ts'
import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Passage } from '../data/rows.ts'
import type { EncodedCorpus, StageContext } from '../define.ts'
import { encodedDataset } from '../encoders/encoded-dataset.ts'
import type { EvalOptions } from './stage-options.ts'

/** What each encoder among the retrievers encodes: the passages that are searched. */
export function encodedCorpora({
  options: { model, retriever },
  inputs,
}: Pick<StageContext<EvalOptions>, 'options' | 'inputs'>): EncodedCorpus[] {
  const given = model ? { model } : retriever
  const retrievers = typeof given === 'object' && 'hybrid' in given ? given.hybrid : [given]
  const encoders = retrievers.flatMap((one) => (typeof one === 'object' && 'model' in one ? [one.model.$input] : []))
  const file = inputs.passages && fileOf(inputs.passages, FILES.passages)
  if (!file) return encoders.map((encoder) => encodedDataset(encoder, corpusOf(inputs.dataset)))
  return encoders.map((encoder) => ({
    encoder,
    digest: file.blob,
    async *passages() {
      for await (const { row } of readJsonl<Passage>(file.location, FILES.passages)) yield row
    },
  }))
}
